from django.apps import AppConfig


class AccessctlConfig(AppConfig):
    name = "accessctl"
    verbose_name = "Access"

    def ready(self) -> None:
        from accessctl.authorize import limit_to_token, may, may_by_name, require
        from accessctl.people import signals  # noqa: F401 – connects the receivers
        from accessctl.permissions.face import PERMISSIONS, TOPIC_PERMISSIONS
        from accessctl.reach import brokers_seen_by
        from accessctl.targets import target_broker
        from accessctl.users.face import USERS
        from accessctl.visibility.changes import steps_seen_by
        from console.engine.ports import AUTHORIZE, LIMIT_TO_TOKEN
        from console.faces.face import register
        from console.faces.ports import MAY, REQUIRE, STEPS_SEEN_BY, TARGET_BROKER
        from console.ports import BROKERS_VISIBLE_TO

        for face in (USERS, PERMISSIONS, TOPIC_PERMISSIONS):
            register(face)
        MAY.give(may)
        REQUIRE.give(require)
        STEPS_SEEN_BY.give(steps_seen_by)
        TARGET_BROKER.give(target_broker)
        from accessctl.users.access.judging import judge_of
        from console.engine.ports import JUDGE_OF

        JUDGE_OF.give(judge_of)
        AUTHORIZE.give(may_by_name)
        LIMIT_TO_TOKEN.give(limit_to_token)
        BROKERS_VISIBLE_TO.give(brokers_seen_by)
