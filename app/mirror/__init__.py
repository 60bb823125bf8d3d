"""The one-way door to other systems: poses, events and camera states, told to an MQTT broker."""
