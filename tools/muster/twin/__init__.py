"""The local twin of AWS IoT Core: broker, certificates, policies, fleet provisioning, bad-day switches."""
