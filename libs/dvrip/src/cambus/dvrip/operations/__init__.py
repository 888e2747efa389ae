"""What a device can be asked to do, one module per group (DVRIP §7, §8, §12, §13).

All of it works on any session that can `call`: one we dialled, or a device that registered with us.
"""
