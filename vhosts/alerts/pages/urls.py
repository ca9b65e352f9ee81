from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from vhosts.alerts.pages import acts, channels, incidents, messages, rules, windows

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
    path("rules/", rules.rules, name="alert_rules"),
    path("rules/create/", rules.rule_create, name="alert_rule_create"),
    path("rules/<int:rule_id>/", rules.rule_edit, name="alert_rule_edit"),
    path("rules/<int:rule_id>/switch/", rules.rule_switch, name="alert_rule_switch"),
    path("rules/<int:rule_id>/delete/", rules.rule_delete, name="alert_rule_delete"),
    path("maintenance/", windows.windows, name="alert_windows"),
    path("maintenance/create/", windows.window_create, name="alert_window_create"),
    path("maintenance/<int:window_id>/end/", windows.window_end, name="alert_window_end"),
    path("owners/", windows.owners, name="alert_owners"),
    path("owners/create/", windows.owner_create, name="alert_owner_create"),
    path("owners/<int:owner_id>/", windows.owner_edit, name="alert_owner_edit"),
    path("owners/<int:owner_id>/delete/", windows.owner_delete, name="alert_owner_delete"),
    path("messages/", messages.messages, name="alert_messages"),
    path("messages/<int:notification_id>/", messages.message, name="alert_message"),
]
#: The pages below the entry of the navigation.
ALERT_ROUTES = tuple(one.name for one in urlpatterns if isinstance(one, URLPattern) and one.name)
