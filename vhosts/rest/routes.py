from __future__ import annotations

from console.faces.face import FACES
from console.faces.rest.drawn.acts import with_acts
from console.faces.rest.drawn.objects import view_of
from vhosts.alerts.api import AlertsView
from vhosts.alerts.rest.channels import AlertChannelsView
from vhosts.alerts.rest.rules import AlertRulesView
from vhosts.dashboards.api import DashboardsView
from vhosts.definitions.rest.backups import BackupsView
from vhosts.definitions.rest.views import DefinitionsView
from vhosts.diagnosis.api import FindingsView
from vhosts.explain_access.api import ExplainView, PatternsView
from vhosts.limits.api import LimitsView
from vhosts.live.api import views as live_views
from vhosts.messages.connecting.api import ConnectView
from vhosts.messages.dead_letters.rest.api import DeadLetterGroupsView, DeadLetterQueuesView
from vhosts.messages.listening.api import TapsView
from vhosts.messages.masking.api import MaskingRulesView
from vhosts.messages.moving.pages.api import MessageJobsView
from vhosts.messages.publishing.api import PublishView
from vhosts.messages.publishing.batches.api import PublishFilesView
from vhosts.messages.publishing.saved.api import TemplatesView
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
    ("dead-letters/queues", DeadLetterQueuesView, "api-dead-letter-queues"),
    ("dead-letters/groups", DeadLetterGroupsView, "api-dead-letter-groups"),
    ("masking-rules", MaskingRulesView, "api-masking-rules"),
    ("noise", NoiseView, "api-noise"),
    ("upgrade-readiness", ReadinessView, "api-readiness"),
    ("alerts", AlertsView, "api-alerts"),
    ("alert-rules", AlertRulesView, "api-alert-rules"),
    ("alert-channels", AlertChannelsView, "api-alert-channels"),
    ("polls", PollsView, "api-polls"),
    ("explain", ExplainView, "api-explain"),
    ("connect", ConnectView, "api-connect"),
    ("patterns", PatternsView, "api-patterns"),
    ("route", RouteView, "api-route"),
    ("publish/files", PublishFilesView, "api-publish-files"),
    ("publish/templates", TemplatesView, "api-publish-templates"),
    ("taps", TapsView, "api-taps"),
    ("publish", PublishView, "api-publish"),
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
