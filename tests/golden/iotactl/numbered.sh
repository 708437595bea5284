#!/bin/sh
# A group and ten devices with numbers for names; the secret and the names go to files.

device_count=10
device_group='<Group Name>'
device_prefix='test-device-'
device_name_file='./device_names.txt'
prov_secret_file='./prov_secret.txt'

set -e

iotactl add group "${device_group}" > "${prov_secret_file}"

j=1
while [ $j -le $device_count ]; do
        device_name="${device_prefix}${j}"
        iotactl add device -g "${device_group}" "${device_name}"
        echo "${device_name}" >> "${device_name_file}"
        j=$(( j + 1 ))
done
