"""Cambus as a part of larger platforms: it registers to them as a lower one and answers them (GB/T 28181-2022 §4.3).

Everything here is a client of the bus: any device of any protocol can be shown upward.
"""
