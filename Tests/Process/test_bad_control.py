"""Malformed, oversized, truncated, wrong-version frames to the namenode; who may register."""

import os
import struct
import unittest

from catena_peer import protobuf
from catena_peer.case import ClusterCase, Code, Refused
from catena_peer.control import (
    Closed, ControlClient, ControlConnection, Registration, heartbeat_proof)
from catena_peer.status import Role
from test_bad_frames import GROWTH_BYTES, resident

IN_FLIGHT = 64


class BadControl(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def opened(self, hello=True):
        connection = ControlConnection(self.cluster.address)
        self.addCleanup(connection.close)
        if hello:
            self.assertEqual(connection.hello().code, Code.OK)
        return connection

    def assert_malformed(self, connection):
        """A Reply MALFORMED with request id 0, then the end."""
        reply = connection.receive("Reply")
        self.assertEqual((reply.code, reply.request_id), (Code.MALFORMED, 0), reply.message)
        self.assertTrue(reply.message, "a refusal says why in a sentence")
        self.assert_closed(connection)

    def assert_closed(self, connection):
        with self.assertRaises((Closed, ConnectionResetError)):
            connection.receive("Reply")

    def tearDown(self):
        self.assertEqual(self.client.status().live, 1, "nothing else is disturbed")

    def test_a_frame_over_one_mebibyte(self):
        for length in ((1 << 20) + 1, 1 << 31, 0xFFFFFFFF):
            with self.subTest(length=length):
                connection = self.opened()
                connection.send_raw(struct.pack("<I", length))
                self.assert_malformed(connection)

    def test_a_first_frame_over_one_mebibyte(self):
        connection = self.opened(hello=False)
        connection.send_raw(b"GET / HTTP/1.1\r\n\r\n")
        self.assert_malformed(connection)

    def test_a_message_that_cannot_be_read(self):
        for body in (b"\xff" * 20, b"\x0a\x7fshort", b"\x07"):
            with self.subTest(body=body):
                connection = self.opened()
                connection.send_raw(struct.pack("<I", len(body)) + body)
                self.assert_malformed(connection)

    def test_a_truncated_frame_ends_only_its_connection(self):
        body = protobuf.encode("Request", {
            "client_id": os.urandom(16), "request_id": 1, "create": {"key": self.key()}})
        connection = self.opened()
        connection.send_raw(struct.pack("<I", len(body)) + body[:-1])
        connection.half_close()
        self.assertEqual(connection.socket.recv(1), b"", "nothing is done and nothing is answered")
        self.assert_refused(Code.NOT_FOUND, self.client.info, self.key())

    def test_no_version_in_common(self):
        for lowest, highest in ((3, 9), (0, 1)):
            with self.subTest(versions=(lowest, highest)):
                connection = self.opened(hello=False)
                reply = connection.hello(lowest=lowest, highest=highest)
                self.assertEqual(reply.code, Code.WRONG_VERSION, reply.message)
                self.assert_closed(connection)

    def test_a_later_version_that_still_speaks_ours(self):
        connection = self.opened(hello=False)
        reply = connection.hello(lowest=1, highest=9)
        self.assertEqual((reply.code, reply.protocol), (Code.OK, 2))

    def test_another_cluster_s_caller(self):
        connection = self.opened(hello=False)
        reply = connection.hello(cluster_id=os.urandom(16))
        self.assertEqual(reply.code, Code.WRONG_CLUSTER)
        self.assert_closed(connection)

    def test_a_request_before_hello(self):
        connection = self.opened(hello=False)
        connection.send("Request", {
            "client_id": os.urandom(16), "request_id": 1, "cluster_status": {}})
        try:
            reply = connection.receive("Reply")
        except protobuf.Unreadable:
            return  # a HelloReply, which refuses
        self.assertNotEqual(reply.code, Code.OK)
        self.assertNotIn("cluster_status", reply, "no answer without a Hello")

    def test_a_request_without_an_operation_or_a_client(self):
        for values in ({"client_id": os.urandom(16), "request_id": 5},
                       {"client_id": b"short", "request_id": 5, "create": {"key": self.key()}}):
            with self.subTest(values=list(values)):
                connection = self.opened()
                connection.send("Request", values)
                reply = connection.receive("Reply")
                self.assertEqual(reply.code, Code.MALFORMED, reply.message)

    def test_unknown_fields_are_skipped(self):
        body = protobuf.encode("Request", {
            "client_id": os.urandom(16), "request_id": 3, "cluster_status": {}})
        body += protobuf.varint(500 << 3) + b"\x05"
        connection = self.opened()
        connection.send_raw(struct.pack("<I", len(body)) + body)
        reply = connection.receive("Reply")
        self.assertEqual((reply.request_id, reply.code), (3, Code.OK))

    def test_a_frame_in_many_small_parts(self):
        body = protobuf.encode("Request", {
            "client_id": os.urandom(16), "request_id": 3, "cluster_status": {}})
        connection = self.opened()
        for byte in struct.pack("<I", len(body)) + body:
            connection.send_raw(bytes([byte]))
        self.assertEqual(connection.receive("Reply").request_id, 3)

    def test_as_many_requests_in_flight_as_the_page_allows(self):
        numbers = [self.client.send("cluster_status") for _ in range(IN_FLIGHT)]
        for number in reversed(numbers):
            self.assertEqual(self.client.wait(number).code, Code.OK)

    def test_too_many_requests_in_flight_are_answered_or_told_busy(self):
        numbers = [self.client.send("cluster_status") for _ in range(5 * IN_FLIGHT)]
        codes = {self.client.wait(number).code for number in numbers}
        self.assertLessEqual(codes, {Code.OK, Code.BUSY})
        self.assertIn(Code.OK, codes)

    def test_1000_random_frames_beside_a_good_client(self):
        before = resident(self.cluster.namenode.pid)
        for number in range(1000):
            connection = ControlConnection(self.cluster.address)
            with connection:
                if self.random.random() < 0.7:
                    connection.hello()
                body = self.random.randbytes(self.random.randrange(60))
                length = self.random.choice([
                    len(body), self.random.getrandbits(32), 0xFFFFFFFF, len(body) + 1])
                connection.send_raw(struct.pack("<I", length) + body)
                connection.half_close()
                try:
                    while connection.socket.recv(65536):
                        pass
                except ConnectionResetError:
                    pass  # the namenode closed with our bytes unread
            if number % 20 == 0:
                lease = self.client.create(self.key(f"/{number}"))
                self.client.abandon(lease)
        self.assertLess(resident(self.cluster.namenode.pid) - before, GROWTH_BYTES)

    def test_200_silent_connections_do_not_keep_others_out(self):
        for index in range(200):
            connection = self.opened(hello=bool(index % 2))
            connection.send_raw(b"\x10"[: index % 3])
        self.client.abandon(self.client.create(self.key()))


class Membership(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def register(self, **fields):
        registration = Registration(self.cluster.address, self.cluster.secret, **fields)
        self.addCleanup(registration.close)
        return registration

    def test_a_wrong_secret_does_not_register(self):
        with self.assertRaises(Refused) as caught:
            Registration(self.cluster.address, bytes(32))
        self.assertEqual(caught.exception.code, Code.BAD_SECRET)

    def test_a_proof_is_good_for_one_connection_only(self):
        first = self.register()
        with self.assertRaises(Refused) as caught:
            self.register(node_id=first.node_id, proof=bytes(32))
        self.assertEqual(caught.exception.code, Code.BAD_SECRET)

    def test_a_session_goes_on_only_for_who_knows_the_secret(self):
        registration = self.register()
        other = ControlClient(self.cluster.address, Role.DATANODE)
        self.addCleanup(other.close)
        registration.heartbeat(client=other)
        self.assert_refused(
            Code.BAD_SECRET, registration.heartbeat, client=other, secret=bytes(32))
        # A proof is of one connection: another one's is nothing here.
        registration.sequence -= 1
        covered = registration.client.greeting.challenge
        self.assert_refused(Code.BAD_SECRET, other.call, "heartbeat", {
            "node_id": registration.node_id, "session": registration.reply.session,
            "sequence": registration.sequence + 1, "proof": heartbeat_proof(
                self.cluster.secret, covered, registration.node_id, registration.reply.session)})
        registration.heartbeat(client=other)

    def test_a_client_does_not_register(self):
        node, incarnation = os.urandom(16), os.urandom(16)
        self.assert_refused(Code.BAD_SECRET, self.client.call, "register", {
            "node_id": node, "incarnation": incarnation, "host": "127.0.0.1", "port": 9})

    def test_registering_gives_cluster_session_keys_and_timing(self):
        reply = self.register().reply
        self.assertEqual(reply.cluster_id, self.client.cluster_id)
        self.assertNotEqual(reply.session, 0)
        self.assertIn(reply.current_key, [key.key_id for key in reply.keys])
        self.assertTrue(all(len(key.sealed) == 48 for key in reply.keys))
        self.assertEqual(reply.timing.heartbeat_ms, self.cluster.settings["heartbeat_ms"])

    def test_a_heartbeat_of_an_unknown_session_must_register_again(self):
        registration = self.register()
        registration.heartbeat()
        registration.reply["session"] += 1000
        self.assert_refused(Code.STALE_SESSION, registration.heartbeat)

    def test_a_second_process_with_the_same_node_id_replaces_the_first(self):
        first = self.register()
        first.heartbeat()
        second = self.register(node_id=first.node_id)
        second.heartbeat()
        with self.assertRaises(Refused) as caught:
            first.heartbeat()
        self.assertIn(
            caught.exception.code, (Code.INCARNATION_REPLACED, Code.STALE_SESSION))

    def test_a_caller_of_another_cluster_does_not_register(self):
        with self.assertRaises(Refused) as caught:
            ControlClient(self.cluster.address, Role.DATANODE, os.urandom(16))
        self.assertEqual(caught.exception.code, Code.WRONG_CLUSTER)


if __name__ == "__main__":
    unittest.main()
