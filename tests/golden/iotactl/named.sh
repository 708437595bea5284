#!/bin/sh
# A group and the devices whose names stand in a file, one a line.

device_group='<Group Name>'
device_name_file='./device_names.txt'
prov_secret_file='./prov_secret.txt'

set -e

iotactl add group "${device_group}" > "${prov_secret_file}"

grep '.' "${device_name_file}" | while IFS= read -r DEVICE_NAME; do
    iotactl add device -g "${device_group}" "${DEVICE_NAME}"
done
