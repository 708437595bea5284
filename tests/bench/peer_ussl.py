"""`ussl` for umqtt.simple 1.3.4: MicroPython dropped the name. The five lines of its own ssl.py."""

import tls


def wrap_socket(sock, key, cert, cadata, server_hostname, cert_reqs):
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = cert_reqs
    context.load_verify_locations(cadata)
    context.load_cert_chain(cert, key)
    return context.wrap_socket(sock, server_hostname=server_hostname)
