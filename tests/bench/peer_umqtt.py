"""The peer: the seed's plain order with umqtt.simple as its documentation shows it. Runs on MicroPython.

One step after the other, each waited for; blocking sockets; nothing is resumed, retried or verified
beyond what TLS does. It is what a careful person writes in an afternoon, not a straw man: compiled,
server verified, files and status written as the seed says.
"""

import gc
import json
import os
import time
from binascii import a2b_base64

import network
from umqtt.simple import MQTTClient

BASE = "/etc/entomologist/"
CREATE = b"$aws/certificates/create/json"
REGISTER = b"$aws/provisioning-templates/CameraProvisioningTemplate/provision/json"
CERT_REQUIRED = 2
answers = []


def read(name):
    with open(BASE + name) as file:
        return file.read()


def write(name, text):
    with open(BASE + name, "w") as file:
        file.write(text)


def der(pem):
    """MicroPython before 1.29 takes nothing else on a Pico W."""
    return a2b_base64("".join(pem.strip().split("\n")[1:-1]))


def join(ssid, password):
    link = network.WLAN(network.STA_IF)
    link.active(True)
    link.connect(ssid, password)
    while not link.isconnected():
        time.sleep_ms(10)


def connect(folder, client_id, conf):
    parameters = {
        "key": der(read(folder + "/private.pem.key")),
        "cert": der(read(folder + "/certificate.pem.crt")),
        "cadata": der(read(folder + "/AmazonRootCA1.pem")),
        "server_hostname": conf["device"]["ENDPOINT_URL"],
        "cert_reqs": CERT_REQUIRED,
    }
    client = MQTTClient(
        client_id,
        conf["device"]["ENDPOINT_URL"],
        port=conf["mqtt"]["port"],
        keepalive=44,
        ssl=True,
        ssl_params=parameters,
    )
    client.set_callback(lambda topic, message: answers.append((topic, message)))
    client.connect()
    return client


def ask(client, topic, payload):
    client.publish(topic, payload)
    while not answers:
        client.wait_msg()
    answer_topic, message = answers.pop()
    if answer_topic != topic + b"/accepted":
        raise RuntimeError("refused")
    return json.loads(message)


def provision(conf):
    serial = conf["device"]["SERIAL_ID"]
    client = connect("bootstrap", serial, conf)
    for request in (CREATE, REGISTER):
        for end in (b"/accepted", b"/rejected"):
            client.subscribe(request + end, 1)
    created = ask(client, CREATE, b"{}")
    wanted = {
        "certificateOwnershipToken": created["certificateOwnershipToken"],
        "parameters": {"serialID": serial},
    }
    registered = ask(client, REGISTER, json.dumps(wanted).encode())
    client.disconnect()
    os.mkdir(BASE + "cert")
    write("cert/certificate.pem.crt", created["certificatePem"])
    write("cert/private.pem.key", created["privateKey"])
    write("cert/AmazonRootCA1.pem", read("bootstrap/AmazonRootCA1.pem"))
    return registered["thingName"]


def update_boot_status(conf, thing_name):
    serial = conf["device"]["SERIAL_ID"]
    client = connect("cert", thing_name, conf)
    payload = json.dumps({"serialID": serial, "bootStatus": True})
    client.publish(b"cameraDevice/" + serial.encode() + b"/booted", payload.encode(), qos=1)
    conf["device"]["PROVISION_STATUS"] = "True"
    write("ento.conf", json.dumps(conf))
    print("PROVISION_STATUS is True")
    gc.collect()
    print("heap", gc.mem_alloc(), gc.mem_free())


conf = json.loads(read("ento.conf"))
known = json.loads(read("wifi.json"))["networks"][0]
join(known["ssid"], known["password"])
gc.collect()
thing_name = provision(conf)
gc.collect()
update_boot_status(conf, thing_name)
