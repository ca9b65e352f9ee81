from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from vhosts.alerts.pages import acts, channels, incidents, messages

#: Under /alerts/.
urlpatterns: list[URLPattern | URLResolver] = [
    path("", incidents.alerts, name="alerts"),
    path("alerts.csv", incidents.alerts_csv, name="alerts_csv"),
    path("<int:incident_id>/", incidents.alert, name="alert"),
    path("acknowledge/", acts.alerts_acknowledge, name="alerts_acknowledge"),
    path("snooze/", acts.alerts_snooze, name="alerts_snooze"),
    path("link/<str:token>/", acts.alert_link, name="alert_link"),
    path("channels/", channels.channels, name="alert_channels"),
    path("channels/create/", channels.channel_create, name="alert_channel_create"),
    path("channels/<int:channel_id>/", channels.channel_edit, name="alert_channel_edit"),
    path("channels/<int:channel_id>/test/", channels.channel_test, name="alert_channel_test"),
    path("channels/<int:channel_id>/delete/", channels.channel_delete, name="alert_channel_delete"),
    path("messages/", messages.messages, name="alert_messages"),
    path("messages/<int:notification_id>/", messages.message, name="alert_message"),
]
#: The pages below the entry of the navigation.
ALERT_ROUTES = tuple(one.name for one in urlpatterns if isinstance(one, URLPattern) and one.name)
