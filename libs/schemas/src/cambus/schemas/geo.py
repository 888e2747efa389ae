"""Places on the globe."""

from pydantic import Field

from cambus.schemas.model import Message, example


class GeoPoint(Message):
    """A point in WGS 84."""

    model_config = example(latitude=31.2304, longitude=121.4737, altitude_m=4.0)

    latitude: float = Field(ge=-90, le=90, description="Degrees north.")
    longitude: float = Field(ge=-180, le=180, description="Degrees east.")
    altitude_m: float | None = Field(default=None, description="Metres above sea level.")
