"""An observation becomes rows: what a device said is judged, compared with what was known, and written down once.

Everything in `state.db` that one observation changes is one transaction; its readings go beside it into `telemetry.db`,
where writing them twice is the same as once.
"""

from fleetmon.ingest.observation import Ingested, ingest
from fleetmon.ingest.remembering import remember

__all__ = ["Ingested", "ingest", "remember"]
