"""The CPU's load on the LEDs by Pimoroni's own library: what its example for this does, five times a second."""

import time

import piglow
import psutil

# The rings light up from the centre, a sixth of the load each.
RINGS = 6

piglow.auto_update = False
while True:
    load = psutil.cpu_percent()
    for ring in range(RINGS):
        share = min(max(load - ring * 100 / RINGS, 0), 100 / RINGS) * RINGS / 100
        piglow.ring(ring, int(share * 64))
    piglow.show()
    time.sleep(0.2)
