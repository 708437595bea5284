"""`muster twin`: the local twin of AWS IoT Core, one file for each subject."""
