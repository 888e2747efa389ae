"""A believable Xiongmai DVRIP recorder (DVRIP §18): `DvripSimulator`, its `Quirks` and what its media look like."""

from cambus.simulators.dvrip.archive import ArchivePlan
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.quirks import Quirks
from cambus.simulators.dvrip.simulator import DvripSimulator

__all__ = ["ArchivePlan", "DvripSimulator", "MediaPlan", "Quirks"]
