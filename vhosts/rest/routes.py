from __future__ import annotations

from console.faces.face import FACES
from console.faces.rest.drawn.acts import with_acts
from console.faces.rest.drawn.objects import view_of
from vhosts.alerts.api import AlertsView
from vhosts.dashboards.api import DashboardsView
from vhosts.definitions.rest.backups import BackupsView
from vhosts.definitions.rest.views import DefinitionsView
from vhosts.diagnosis.api import FindingsView
from vhosts.explain_access.api import ExplainView, PatternsView
from vhosts.limits.api import LimitsView
from vhosts.live.api import views as live_views
from vhosts.messages.masking.api import MaskingRulesView
from vhosts.messages.moving.api import MessageJobsView
from vhosts.nodes.api import NodesView
from vhosts.noise.api import NoiseView
from vhosts.readiness.api import ReadinessView
from vhosts.rest.views import PollsView, QueuesView
from vhosts.routing.api import RouteView

#: (path under /api/v1/, view, name of the route)
_OWN = (
    ("queues", with_acts(FACES["queue"], QueuesView), "api-queues"),
    *live_views,
    ("limits", LimitsView, "api-limits"),
    ("message-jobs", MessageJobsView, "api-message-jobs"),
    ("nodes", NodesView, "api-nodes"),
    ("findings", FindingsView, "api-findings"),
    ("masking-rules", MaskingRulesView, "api-masking-rules"),
    ("noise", NoiseView, "api-noise"),
    ("upgrade-readiness", ReadinessView, "api-readiness"),
    ("alerts", AlertsView, "api-alerts"),
    ("polls", PollsView, "api-polls"),
    ("explain", ExplainView, "api-explain"),
    ("patterns", PatternsView, "api-patterns"),
    ("route", RouteView, "api-route"),
    ("dashboards", DashboardsView, "api-dashboards"),
    ("definitions/backups", BackupsView, "api-backups"),
    ("definitions", DefinitionsView, "api-definitions"),
)
routes = (
    *_OWN,
    *(
        (face.slug, view_of(face), f"api-{face.slug}")
        for face in FACES.values()
        if face.has_api and face.slug not in {path for path, _, _ in _OWN}
    ),
)
