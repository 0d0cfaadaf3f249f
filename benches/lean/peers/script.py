"""What many write by themselves: psutil and paho, readings each second, each in a topic. script.py HOST PORT"""

import sys
import time

import paho.mqtt.client as mqtt
import psutil

client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.connect(sys.argv[1], int(sys.argv[2]), keepalive=15)
client.loop_start()
while True:
    readings = {
        "cpu": psutil.cpu_percent(),
        "memory": psutil.virtual_memory().percent,
        "swap": psutil.swap_memory().percent,
        "disk": psutil.disk_usage("/").percent,
        "load": psutil.getloadavg()[0],
        "uptime": time.time() - psutil.boot_time(),
        "received": psutil.net_io_counters().bytes_recv,
        "sent": psutil.net_io_counters().bytes_sent,
    }
    for name, value in readings.items():
        client.publish(f"script/{name}", value)
    time.sleep(1)
