"""Every sentence that says what an act does to others, with the experiment that shows it on a live broker.

`SENTENCES`: text as it stands in the code, `…` for what is filled in → names of tests in
test_on_a_broker.py, or "folder/file.py::test" elsewhere below tests/. `NOT_CONSEQUENCES`: sentences with the
same words that say what a field means, what is on the screen or what the console does.
tests/conventions/test_consequences.py fails for a sentence that is in neither, and for one that is gone.
"""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, ...]] = {
    "The … is not deleted: RabbitMQ would delete … with it that this folder doesn't own…. Delete them first, or delete it by hand.": (
        "vhosts/test_definitions_folder.py::test_a_virtual_host_without_a_file_stays_for_what_the_folder_does_not_own",
    ),
    # Exchanges
    "… is in every virtual host from the start. RabbitMQ doesn't delete it.": (
        "vhosts/test_exchanges.py::test_predeclared_exchanges_are_told_apart_and_never_deleted",
    ),
    # Users
    "RabbitMQ closes its open connections immediately.": (
        "test_deleting_a_user_closes_its_connections",
    ),
    "Its permissions on … virtual hosts are deleted too: ….": (
        "test_deleting_a_user_deletes_its_permissions",
    ),
    "Its … topic permissions go with it.": ("test_deleting_a_user_deletes_its_permissions",),
    "This also deletes its permissions. The password can’t be recovered.": (
        "test_deleting_a_user_deletes_its_permissions",
        "test_a_password_is_not_told",
    ),
    "Open connections stay open.": ("test_a_new_password_keeps_connections_open",),
    "… New connections need the new password.": ("test_a_new_password_keeps_connections_open",),
    "… New connections can't authenticate with a password.": (
        "test_without_a_password_nobody_logs_in",
    ),
    "It has no permissions in any virtual host yet. Set permissions next.": (
        "test_a_new_user_has_no_permission",
    ),
    # Virtual hosts
    "Permanently lost: … with ….": ("test_deleting_a_virtual_host_loses_its_messages",),
    "Its … are deleted too.": (
        "console/changes/test_falls_with.py::test_what_the_preview_names_is_gone_from_the_broker_and_retired_here",
    ),
    "The permissions of … on it are deleted too: ….": (
        "console/changes/test_falls_with.py::test_what_the_preview_names_is_gone_from_the_broker_and_retired_here",
    ),
    "This also deletes everything in it, with all messages, and the permissions on it. It can’t be undone.": (
        "test_deleting_a_virtual_host_loses_its_messages",
        "console/changes/test_falls_with.py::test_what_the_preview_names_is_gone_from_the_broker_and_retired_here",
    ),
    "Connections to it are closed.": ("test_deleting_a_virtual_host_closes_its_connections",),
    "It is the default virtual host: clients that don't name one connect to it.": (
        "test_a_client_that_names_no_virtual_host_is_in_the_default_one",
    ),
    "At first, only the console's own RabbitMQ user (…) has permissions in it. Set permissions next.": (
        "test_a_new_virtual_host_is_for_who_created_it_alone",
    ),
    "RabbitMQ won't delete it for anyone until protection is disabled.": (
        "test_a_protected_virtual_host_is_not_deleted",
    ),
    # Queues
    "Deleted … ready …, as counted before.": (
        "console/changes/test_acts.py::test_a_purge_is_sent_once_and_its_result_is_told",
    ),
    "Deleted all ready messages; RabbitMQ hadn't counted them.": (
        "console/changes/test_acts.py::test_a_purge_is_sent_once_and_its_result_is_told",
    ),
    "RabbitMQ can't purge a stream: its messages stay until its retention (x-max-age, x-max-length-bytes) drops them. To lose them all at once, delete the stream.": (
        "console/changes/test_acts.py::test_a_stream_is_never_purged",
    ),
    # Connections
    "Its channels and consumers end, and unacked messages return to their queues. Clients usually reconnect.": (
        "vhosts/test_live_close.py::test_one_connection_is_closed_with_the_reason",
    ),
    "RabbitMQ doesn't list this connection any more: it has already closed.": (
        "vhosts/test_live_close.py::test_one_that_has_closed_by_itself_is_said",
    ),
    "RabbitMQ is closing the connection; it stays listed until the client answers.": (
        "vhosts/test_live_close.py::test_one_connection_is_closed_with_the_reason",
    ),
    "The connection has already closed. Another one has the same addresses now; it wasn't closed. If it should be, close it from the list of connections.": (
        "vhosts/test_live_close.py::test_a_successor_of_the_same_name_is_never_closed",
    ),
    "The connection is closed.": (
        "vhosts/test_live_close.py::test_one_connection_is_closed_with_the_reason",
    ),
    "The connection is closed. It had … ….": (
        "vhosts/test_live_close.py::test_one_connection_is_closed_with_the_reason",
    ),
    # Queues and exchanges
    "Its … from … are deleted too.": (
        "consequences/test_bindings.py::test_deleting_a_queue_deletes_its_bindings",
    ),
    "Its binding from … is deleted too.": (
        "consequences/test_bindings.py::test_deleting_a_queue_deletes_its_bindings",
    ),
    "Its … to … are deleted too.": (
        "consequences/test_bindings.py::test_deleting_an_exchange_deletes_its_bindings_both_ways",
    ),
    "Its binding to … is deleted too.": (
        "consequences/test_bindings.py::test_deleting_an_exchange_deletes_its_bindings_both_ways",
    ),
    "RabbitMQ also deletes …: an auto-delete exchange goes with its last binding.": (
        "consequences/test_bindings.py::test_an_auto_delete_exchange_goes_with_its_last_binding",
    ),
    "Dead letters of {} are lost from then on.": (
        "consequences/test_bindings.py::test_without_the_dead_letter_exchange_dead_letters_are_lost",
    ),
    "Dead letters of {} stay in their queue while the exchange is missing (at-least-once).": (
        "consequences/test_bindings.py::test_at_least_once_dead_letters_stay_in_their_queue",
    ),
    "Dead letters of {} are lost if no other queue receives them.": (
        "consequences/test_bindings.py::test_without_a_queue_for_them_dead_letters_are_lost",
    ),
    "Dead letters of {} stay in their queue while no other queue receives them (at-least-once).": (
        "consequences/test_bindings.py::test_at_least_once_dead_letters_stay_in_their_queue",
    ),
    "Messages that … can't route are lost from then on, or returned if published as mandatory.": (
        "consequences/test_bindings.py::test_without_the_alternate_exchange_what_has_no_route_is_lost_or_returned",
    ),
    "The topic permissions of … on it stay, and apply to a new exchange of that name.": (
        "consequences/test_bindings.py::test_topic_permissions_outlive_their_exchange",
    ),
    # Definitions
    "Nothing is deleted, because some entries can't be read. Fix the file first.": (
        "vhosts/test_definitions_folder.py::test_nothing_is_pruned_while_an_entry_cannot_be_read",
    ),
    # Policies
    "The matching policy with the highest priority applies.": (
        "test_only_the_policy_of_highest_priority_applies",
    ),
    "If several policies match, only the one with the highest priority applies.": (
        "test_only_the_policy_of_highest_priority_applies",
    ),
    "Also matching: ……. Only the … with the highest priority applies.": (
        "test_only_the_policy_of_highest_priority_applies",
    ),
    "RabbitMQ drops … immediately, oldest first: … more than max-length allows (as of the last poll).": (
        "test_a_lower_max_length_drops_the_oldest_messages_immediately",
        "test_a_classic_queue_takes_a_new_limit_with_its_former_overflow",
        "test_a_queue_that_no_longer_rejects_drops_what_is_over",
    ),
    "RabbitMQ dead-letters … immediately, oldest first: … more than max-length allows (as of the last poll).": (
        "test_messages_over_a_lower_max_length_are_dead_lettered_where_there_is_an_exchange",
    ),
    "… more than max-length allows (as of the last poll). RabbitMQ keeps these messages and rejects new ones "
    "until there is room.": (
        "test_a_queue_that_rejects_keeps_what_is_over_a_lower_max_length",
        "test_a_quorum_queue_takes_a_new_limit_with_its_new_overflow",
    ),
    "The depth of … is unknown. RabbitMQ drops messages over max-length immediately.": (
        "test_a_lower_max_length_drops_the_oldest_messages_immediately",
    ),
    "RabbitMQ deletes … with all messages after … without consumers and gets.": (
        "test_an_unused_queue_expires_with_its_messages",
        "test_a_queue_with_a_consumer_does_not_expire",
    ),
    "Messages published from then on expire after …. Messages already in a queue keep their expiry.": (
        "test_a_message_ttl_is_for_messages_published_from_then_on",
    ),
    # Permissions
    "No access: clear the permission; RabbitMQ refuses new connections": (
        "test_without_a_permission_new_connections_are_refused",
    ),
    "None: can connect, but the patterns match no name": ("test_the_preset_none",),
    "Read only: consume from every queue": ("test_the_preset_read_only",),
    "Write only: publish to every exchange": ("test_the_preset_write_only",),
    "Without a topic permission, all routing keys are allowed on this exchange, within the user's "
    "permissions on it.": ("test_without_a_topic_permission_every_key_is_allowed",),
    "Configure declares and deletes; write publishes; read consumes and purges.": (
        "test_the_preset_read_only",
        "test_the_preset_write_only",
    ),
    "Can connect, but nothing else.": ("test_the_preset_none",),
    # Limits
    "Maximum concurrent client connections. 0 allows none; empty means no limit. RabbitMQ: max-connections.": (
        "test_a_limit_of_no_connections",
    ),
    "Maximum concurrent connections. 0 allows none; empty means no limit. RabbitMQ: max-connections.": (
        "test_a_limit_of_no_connections",
    ),
    "The … gets … … and has …: they stay, and RabbitMQ refuses new ones.": (
        "vhosts/test_plans_by_version.py::test_limits_below_what_is_there_are_told",
    ),
    # Plans
    "RabbitMQ can't change … in place, so this deletes and recreates the object.": (
        "test_fixed_properties_of_a_queue_are_refused",
    ),
    "Deleted together with a replaced object, then created again.": (
        "console/changes/test_replace.py::test_a_step_to_replace_replaces_and_tells_that_it_is_destructive",
    ),
    "The … is deleted with everything in it, whatever that is: no inventory has read its queues.": (
        "test_deleting_a_virtual_host_loses_its_messages",
    ),
    "The … is deleted with everything in it: … queues and … messages as last seen.": (
        "test_deleting_a_virtual_host_loses_its_messages",
    ),
    "… … are deleted, with their permissions.": ("test_deleting_a_user_deletes_its_permissions",),
    "… are …, and … messages in them are lost.": ("test_deleting_a_queue_loses_its_messages",),
    "The file has no password for this user. An existing user keeps its password; a new user has none.": (
        "console/changes/test_apply.py::test_changing_tags_keeps_the_password_and_the_new_password_keeps_the_tags",
    ),
}

NOT_CONSEQUENCES: frozenset[str] = frozenset({
    # What the console couldn't find out.
    "RabbitMQ accepted it. Whether the connection is gone couldn't be read afterwards.",
    "The bindings to it are the last ones of an auto-delete exchange: ….",
    # What an argument of a queue means.
    "RabbitMQ closes the channel of a consumer that doesn’t acknowledge a message within this time.",
    "RabbitMQ deletes the queue after it has been unused for this time: no consumers, no gets.",
    "Being deleted.",
    "The queue … was exclusive: it belonged to a client's connection.",
    "…. If you accept the deletion, the console stops managing them too.",
    "No permissions in any virtual host.",
    "The permissions that go with it are unknown. …",
    "The … loses its ….",
    "Maximum concurrent channels over all its connections. Empty means no limit. RabbitMQ: max-channels.",
    "`max-connections`, `max-channels`. A limit you leave out is removed.",
    "`max-connections`, `max-queues`. A limit you leave out is removed.",
    "This version of RabbitMQ can't list a user's connections.",
    "This may not be the user that was created here: its password was changed elsewhere, or it was deleted and "
    "created again. A broker administrator can change it.",
    "Deleted. The list is refreshed soon.",
    "Other objects deleted: ….",
    "Off: permissions in other virtual hosts are kept. Permissions in the same virtual hosts are replaced in both "
    "cases.",
    "Deletes objects of the kinds in the file that the file doesn’t list. Never deletes the console’s own user.",
    "Delete objects that aren't in the file (same kinds only), and clear limits, tags, descriptions and passwords "
    "that are empty in the file.",
    "Delete and declare again objects whose fixed properties differ.",
    "Also delete queues that hold messages.",
    "It exists with a different …, which can't be changed after declaration. To have it deleted and declared "
    "again, choose to replace objects.",
    "The … keeps its …, which the file leaves empty or out. To clear that too, choose to delete objects that "
    "aren't in the file.",
    "The next page shows the effects before anything is deleted.",
})  # fmt: skip
