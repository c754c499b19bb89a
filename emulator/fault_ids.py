"""What a fault id of the catalogue means when nothing more is said, and which ids are no device's doing."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "F01": {"fault": {"max_sessions": 4}},
    "F03": {"fault": {"session_ttl": 30}},
    "F04": {"fault": {"bmc_reset": 90}},
    "F05": {"fault": {"lockout": {"n": 5, "sec": 300, "sliding": True}}},
    "F06": {"fault": {"drop_header": "Location"}, "match": {"method": "POST", "path": "/Sessions"}},
    "F07": {"fault": {"status": 503, "retry_after": 30}},
    "F08": {"fault": {"status": 500}, "match": {"path": "/UpdateService"}},
    "F09": {"fault": {"status": 404}, "match": {"path": "/Tasks/*"}, "when": {"first": 2}},
    "F10": {"fault": {"latency": 8}},
    "F11": {"fault": {"hang": "forever"}},
    "F12": {"fault": {"drip": 1}},
    "F13": {"fault": {"close_on_reuse": True}},
    "F14": {"fault": {"bmc_reset": {"down": 60, "busy": 30, "login": 12}}},
    "F15": {"fault": {"rotate_cert": "new_key"}},
    "F16": {"fault": {"tls": {"max": "1.1"}}},
    "F18": {"fault": {"redirect": "https://127.0.0.1:1/redfish/v1"}},
    "F19": {"fault": {"force_gzip": True}},
    "F20": {"fault": {"error_body": "str"}},
    "F21": {"fault": {"content_type": "text/html"}},
    "F22": {"fault": {"truncate": 0.7}},
    "F23": {"fault": {"concurrency": 2, "seconds": 60}},
    "F24": {"fault": {"change_password": "another-password"}},
    "F25": {"fault": {"set": {"UpperThresholdNonCritical": "N/A", "Reading": "N/A", "ReadingCelsius": "N/A"}}},
    "F26": {"fault": {"set": {"IntervalInMin": 0.08}}},
    "F27": {"fault": {"set": {"CapacityBytes": None, "Reading": None, "ReadingCelsius": None}}},
    "F28": {"fault": {"drop_field": ["Name", "Actions", "@odata.type"]}},
    "F29": {"fault": {"swap_type": ["Status", "Model"]}},
    "F30": {"fault": {"raw": {"Reading": "NaN", "ReadingCelsius": "1e999"}}},
    "F31": {"fault": {"dup_key": "Reading", "value": 999}},
    "F32": {"fault": {"scale": {"PredictedMediaLifeLeftPercent": 0.01}}},
    "F33": {"fault": {"set": {"PredictedMediaLifeLeftPercent": 0, "MediaType": "HDD"}}, "match": {"path": "/Drives/*"}},
    "F34": {"fault": {"hide_drives": True}},
    "F35": {
        "fault": {
            "set": {
                "/Status": {"State": "Absent", "Health": None},
                "/CapacityBytes": None,
                "/Model": None,
                "/SerialNumber": None,
            }
        },
        "match": {"path": "/Drives/*0"},
    },
    "F36": {"fault": {"rollup": "OK"}},
    "F37": {"fault": {"respell": "slash"}},
    "F38": {"fault": {"inline_members": True}},
    "F39": {"fault": {"page_size": 50}},
    "F40": {"fault": {"append_on_read": 1}, "match": {"path": "/Entries"}},
    "F41": {"fault": {"nextLink": "self"}, "match": {"path": "/Entries"}},
    "F42": {"fault": {"body": 200_000_000}},
    "F43": {"fault": {"etag": "weak"}},
    "F44": {
        "fault": {"set": {"MessageId": "Mystery.7.0.Unheard", "MessageArgs": []}},
        "match": {"path": "/Entries*"},
    },
    "F45": {"fault": {"status": 503}, "when": {"prob": 0.3}},
    "F46": {"fault": {"status": 500}, "match": {"method": "POST", "path": "/Sessions"}, "when": {"first": 2}},
    "F49": {"fault": {"clock": "1970"}},
    "F50": {"fault": {"tz": "-08:00"}},
    "F51": {"fault": {"clock": -3600}},
    "F52": {"fault": {"clear_log": "event"}},
    "F53": {"fault": {"sel_full": True}},
    "F54": {"fault": {"rotate": 100}},
    "F55": {"fault": {"shuffle": True}},
    "F56": {"fault": {"flap_log": 1}, "match": {"path": "/Entries"}},
    "F57": {"fault": {"phantom": 1000}, "match": {"path": "/Entries"}},
    "F58": {"fault": {"drop_subscriptions": True}},
    "F59": {"fault": {"duplicate_event": 1}},
    "F61": {"fault": {"state_lag": 45}},
    "F62": {"fault": {"409_if_same": True}},
    "F63": {"fault": {"409_for": 20}},
    "F64": {"fault": {"reset_types": ["On", "ForceOff", "GracefulShutdown", "ForceRestart"]}},
    "F68": {"fault": {"set": {"PowerState": "Quiesced"}}},
    "F69": {"fault": {"lose_answer": True}, "match": {"method": "POST", "path": "Reset"}},
    "F74": {"fault": {"task_fails": True}},
    "F76": {"fault": {"body_needed": True}},
    "F77": {
        "fault": {"set": {"SerialNumber": "To be filled by O.E.M.", "UUID": "03000200-0400-0500-0006-000700080009"}}
    },
    "F112": {"fault": {"deep": 100_000}},
    "F113": {"fault": {"gzip_bomb": 200}},
    "F114": {"fault": {"huge_int": "Reading"}},
    "F115": {"fault": {"huge_header": 1_000_000}},
}
"""What a fault id means when nothing more is said; match, when and fault of the request override it."""

ELSEWHERE: dict[str, str] = {
    "F02": "our own crash leaks the session: max_sessions, and the ledger's sessions, show it",
    "F17": "our own environment overrides verification; no device can",
    "F47": "families with several machines behind one BMC or in one chassis are like that from the start",
    "F48": "every machine of a fleet has marks of its own: serial numbers, UUID, sensors",
}
"""Ids of sessions, transport, payload and logs (F01 to F59) that no fault brings about, and where they are instead."""
