"""Leases, retries, overwriting, and the least number of datanodes (K)."""

import time
import unittest

from catena_peer import values
from catena_peer.case import ClusterCase, Code, Durability
from catena_peer.cluster import EXIT, until
from catena_peer.control import Refused
from catena_peer.datanode import planned, write_block


class Leases(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def other(self):
        client = self.cluster.client()
        self.addCleanup(client.close)
        return client

    def closed(self, client, lease, data):
        client.close_key(lease, values.put_blocks(client, lease, data), Durability.WRITTEN)

    def test_another_client_is_refused_while_the_lease_lives(self):
        lease = self.lease()
        for overwrite in (False, True):
            self.assert_refused(Code.LEASED, self.other().create, self.key(), overwrite)
        self.closed(self.client, lease, b"mine")
        self.assertEqual(values.get(self.other(), self.key()), b"mine")

    def test_another_key_is_not_affected(self):
        self.lease()
        self.other().create(self.key("/other"))

    def test_abandon_frees_the_key_at_once(self):
        lease = self.lease()
        self.client.abandon(lease)
        self.assert_refused(Code.LEASE_EXPIRED, self.client.add_block, lease)
        self.closed(self.other(), self.other().create(self.key()), b"theirs")

    def test_a_lease_that_never_was(self):
        for call in (self.client.add_block, self.client.renew):
            self.assert_refused(Code.LEASE_EXPIRED, call, bytes(16))
        self.assert_refused(
            Code.LEASE_EXPIRED, self.client.close_key, bytes(16), [], Durability.WRITTEN)

    def test_a_closed_lease_is_over(self):
        lease = self.lease()
        self.closed(self.client, lease, b"once")
        self.assert_refused(Code.LEASE_EXPIRED, self.client.add_block, lease)

    def test_an_existing_key_is_refused_without_overwrite(self):
        values.put(self.client, self.key(), b"old")
        self.assert_refused(Code.EXISTS, self.client.create, self.key())
        self.assertEqual(values.get(self.client, self.key()), b"old")

    def test_the_old_value_is_read_until_close(self):
        old, new = self.bytes(100_000), self.bytes(70_000)
        values.put(self.client, self.key(), old)
        lease = self.lease(overwrite=True)
        reader = self.other()
        self.assertEqual(values.get(reader, self.key()), old)
        receipts = values.put_blocks(self.client, lease, new)
        self.assertEqual(values.get(reader, self.key()), old)
        info = reader.info(self.key())
        self.assertTrue(info.exists and info.open)
        self.assertEqual((info.length, info.open_blocks), (len(old), 1))
        self.client.close_key(lease, receipts, Durability.WRITTEN)
        self.assertEqual(values.get(reader, self.key()), new)
        self.assertFalse(reader.info(self.key()).open)

    def test_an_abandoned_overwrite_leaves_the_old_value(self):
        values.put(self.client, self.key(), b"old")
        lease = self.lease(overwrite=True)
        values.put_blocks(self.client, lease, b"new")
        self.client.abandon(lease)
        self.assertEqual(values.get(self.client, self.key()), b"old")

    def test_a_new_key_is_not_there_before_close(self):
        lease = self.lease()
        receipts = values.put_blocks(self.client, lease, b"soon")
        self.assert_refused(Code.NOT_FOUND, self.other().open, self.key())
        self.assertFalse(self.other().info(self.key()).exists)
        self.assertNotIn(self.key(), [entry.key for entry in self.client.list(self.key()).entries])
        self.client.close_key(lease, receipts, Durability.WRITTEN)
        self.assertEqual(values.get(self.other(), self.key()), b"soon")

    def test_the_open_length_follows_what_datanodes_report(self):
        stream = self.stream().data(0, self.bytes(5000))
        stream.wait_ack(5000)
        until(lambda: self.client.info(self.key()).open_length == 5000, "5000 open bytes")

    def test_a_value_s_blocks_are_in_the_order_close_names(self):
        lease = self.lease()
        parts = [self.bytes(100), self.bytes(70_000), self.bytes(3)]
        receipts = [write_block(planned(self.client.add_block(lease)), part) for part in parts]
        self.client.close_key(lease, receipts[::-1], Durability.WRITTEN)
        self.assertEqual(values.get(self.client, self.key()), b"".join(parts[::-1]))

    def test_a_receipt_that_does_not_fit_is_refused(self):
        data = self.bytes(100)
        lease = self.lease()
        receipt = write_block(planned(self.client.add_block(lease)), data)
        for name, value in (("length", 101), ("crc", 1), ("block", receipt["block"] + 999),
                            ("epoch", 99), ("signature", bytes(32))):
            with self.subTest(name):
                self.assert_refused(
                    Code.BLOCK_MISMATCH, self.client.close_key, lease,
                    [{**receipt, name: value}], Durability.WRITTEN)
        other = self.lease(key=self.key("/other"))
        self.assert_refused(
            Code.BLOCK_MISMATCH, self.client.close_key, other, [receipt], Durability.WRITTEN)
        self.client.close_key(lease, [receipt], Durability.WRITTEN)
        self.assertEqual(values.get(self.client, self.key()), data)


class Retries(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def twice(self, operation, fields, number):
        """The same request on this connection and on a new one; both answers."""
        first = self.client.call(operation, fields, request_id=number)
        again = self.cluster.client(client_id=self.client.client_id)
        self.addCleanup(again.close)
        return first, again.call(operation, fields, request_id=number)

    def test_a_retried_request_gets_the_first_answer(self):
        first, again = self.twice("create", {"key": self.key()}, 101)
        self.assertEqual(first.lease_id, again.lease_id)
        lease = first.lease_id
        first, again = self.twice("add_block", {"lease_id": lease}, 102)
        self.assertEqual((first.block, first.token), (again.block, again.token))
        receipt = write_block(planned(first), b"once")
        close = {"lease_id": lease, "blocks": [receipt], "durability": Durability.WRITTEN}
        self.twice("close", close, 103)
        self.assertEqual(values.get(self.client, self.key()), b"once")
        self.twice("delete", {"key": self.key()}, 104)
        self.assert_refused(Code.NOT_FOUND, self.client.delete, self.key())

    def test_a_retried_refusal_is_refused_again(self):
        values.put(self.client, self.key(), b"there")
        for _ in range(2):
            with self.assertRaises(Refused) as caught:
                self.client.call("create", {"key": self.key()}, request_id=900)
            self.assertEqual(caught.exception.code, Code.EXISTS)

    def test_another_client_s_request_ids_are_its_own(self):
        other = self.cluster.client()
        self.addCleanup(other.close)
        first = self.client.call("create", {"key": self.key("/1")}, request_id=50)
        second = other.call("create", {"key": self.key("/2")}, request_id=50)
        self.assertNotEqual(first.lease_id, second.lease_id)


class Expiry(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1, "lease_ms": 2000}

    def freed(self, overwrite=False):
        """Waits until another client gets the key; its client and lease."""
        client = self.cluster.client()
        self.addCleanup(client.close)

        def created():
            try:
                return client.create(self.key(), overwrite)
            except Refused as refused:
                self.assertEqual(refused.code, Code.LEASED)
                return None

        return client, until(created, "the lease to expire")

    def test_a_lease_that_is_not_renewed_expires(self):
        lease = self.lease()
        receipts = values.put_blocks(self.client, lease, b"too late")
        other, theirs = self.freed()
        self.assert_refused(Code.LEASE_EXPIRED, self.client.add_block, lease)
        self.assert_refused(Code.LEASE_EXPIRED, self.client.renew, lease)
        self.assert_refused(
            Code.LEASE_EXPIRED, self.client.close_key, lease, receipts, Durability.WRITTEN)
        other.close_key(theirs, values.put_blocks(other, theirs, b"theirs"), Durability.WRITTEN)
        self.assertEqual(values.get(self.client, self.key()), b"theirs")

    def test_an_expired_overwrite_leaves_the_old_value(self):
        values.put(self.client, self.key(), b"old")
        values.put_blocks(self.client, self.lease(overwrite=True), b"new")
        other, theirs = self.freed(overwrite=True)
        self.assertEqual(values.get(self.client, self.key()), b"old")
        other.abandon(theirs)

    def test_renewal_keeps_the_lease(self):
        lease = self.lease()
        other = self.cluster.client()
        self.addCleanup(other.close)
        end = time.monotonic() + 3 * self.cluster.settings["lease_ms"] / 1000
        while time.monotonic() < end:
            self.assertEqual(self.client.renew(lease).lease_id, lease)
            self.assert_refused(Code.LEASED, other.create, self.key())
            time.sleep(0.2)
        self.client.close_key(
            lease, values.put_blocks(self.client, lease, b"kept"), Durability.WRITTEN)
        self.assertEqual(values.get(other, self.key()), b"kept")


class Keys(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def test_keys_out_of_bounds(self):
        for key in ("", "k" * 1025, "\u00fc" * 513):
            with self.subTest(length=len(key)):
                self.assert_refused(Code.BAD_KEY, self.client.create, key)
        values.put(self.client, "k" * 1024, b"longest")
        self.assertEqual(values.get(self.client, "k" * 1024), b"longest")

    def test_unknown_keys(self):
        for call, words in ((self.client.open, ()), (self.client.info, ()),
                            (self.client.delete, ()), (self.client.rename, ("elsewhere",))):
            reply = self.assert_refused(Code.NOT_FOUND, call, "no/such/key", *words)
            self.assertIn("no/such/key", reply.message)

    def test_rename_moves_the_value_and_respects_what_is_there(self):
        values.put(self.client, self.key("/a"), b"a")
        values.put(self.client, self.key("/b"), b"b")
        self.assert_refused(Code.EXISTS, self.client.rename, self.key("/a"), self.key("/b"))
        self.client.rename(self.key("/a"), self.key("/c"))
        self.assert_refused(Code.NOT_FOUND, self.client.open, self.key("/a"))
        self.client.rename(self.key("/c"), self.key("/b"), overwrite=True)
        self.assertEqual(values.get(self.client, self.key("/b")), b"a")

    def test_list_is_ordered_bytewise_and_paged(self):
        plain = ("a", "B", "b/1", "b/2", "\u00fc", "c", "10", "9")
        names = [self.key(f"/{name}") for name in plain]
        for name in names:
            values.put(self.client, name, b"x")
        found, after = [], ""
        while True:
            page = self.client.list(self.key("/"), start_after=after, limit=3)
            self.assertLessEqual(len(page.entries), 3)
            found += [entry.key for entry in page.entries]
            if not page.more:
                break
            after = page.next
        self.assertEqual(found, sorted(names, key=str.encode))

    def test_delete_makes_room_for_a_new_value(self):
        values.put(self.client, self.key(), b"first")
        self.client.delete(self.key())
        self.assert_refused(Code.NOT_FOUND, self.client.open, self.key())
        values.put(self.client, self.key(), b"second")
        self.assertEqual(values.get(self.client, self.key()), b"second")


class TooFewNodes(ClusterCase):
    settings = {"datanodes": 2, "replicas": 2, "min_nodes": 3, "stale_ms": 2500, "dead_ms": 5000}

    def assert_too_few(self, live):
        reply = self.assert_refused(Code.TOO_FEW_NODES, self.client.create, self.key())
        self.assertEqual((reply.live_nodes, reply.needed_nodes), (live, 3))

    def test_clients_wait_for_the_least_number_of_datanodes(self):
        self.assert_too_few(2)
        self.assertEqual(self.client.status().needed, 3)
        source = self.cluster.folder / "source"
        source.write_bytes(b"content")
        done = self.cluster.cli("put", source, self.key(), "--timeout", "500ms")
        self.assert_cli(done, EXIT["too few nodes"], "2", "3")
        third = self.cluster.add_node(3).start()
        self.cluster.wait_settled()
        values.put(self.client, self.key(), b"now")
        third.kill()
        until(lambda: self.client.status().live == 2, "the third datanode is missed")
        self.assert_refused(Code.TOO_FEW_NODES, self.client.create, self.key("/2"))


if __name__ == "__main__":
    unittest.main()
