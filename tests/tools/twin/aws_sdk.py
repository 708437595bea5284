"""A connection of AWS's own device SDK."""

from awsiot import mqtt_connection_builder

WAIT_S = 30


def connected(twin, client_id, certificate, key):
    connection = mqtt_connection_builder.mtls_from_path(
        endpoint="localhost",
        port=twin.port,
        cert_filepath=str(certificate),
        pri_key_filepath=str(key),
        ca_filepath=str(twin.ca_pem_path),
        client_id=client_id,
        clean_session=True,
        keep_alive_secs=44,
    )
    connection.connect().result(WAIT_S)
    return connection
