"""Tokens that must not be taken, each with its own code (PROTOCOL section 1.3)."""

import time
import unittest

from catena_peer import credentials, frames, values
from catena_peer.case import ClusterCase, Refusal, Status
from catena_peer.cluster import until
from catena_peer.credentials import Key, reforge
from catena_peer.datanode import DataConnection, WriteStream, located, read_range

GRACE_SECONDS = 2  # the page's; a token is honoured that much longer


class Tokens(ClusterCase):
    settings = {"datanodes": 2, "replicas": 1, "min_nodes": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.signing_key = cls.cluster.signing_key()
        cls.key_known_at = time.monotonic()

    def write_refused(self, target, address=None, **fields):
        """What the head answers to a `write` with these credentials."""
        with WriteStream(target, DataConnection(address or target.head)) as stream:
            return stream.begin(**fields).refusal()

    def assert_write(self, status, target, address=None, **fields):
        self.assert_status(status, self.write_refused(target, address, **fields))

    def forged(self, target, key=None, **changes):
        return target.changed(token=reforge(target.token, key or self.signing_key, **changes))

    def setUp(self):
        super().setUp()
        self.good = self.target()

    def tearDown(self):
        """Whatever was refused, the honest token still writes: nothing else is disturbed."""
        data = self.bytes(1000)
        with WriteStream(self.good) as stream:
            self.finish(stream.begin().data(0, data), data)

    def test_our_own_signature_is_taken(self):
        data = self.bytes(10)
        other = self.target(self.lease(key=self.key("/own")))
        self.finish(self.stream(self.forged(other, duration=500_000)).data(0, data), data)

    def test_a_token_that_cannot_be_read(self):
        raw = self.good.token
        for at, value in ((0, 2), (1, 0), (1, 8), (2, 1), (3, 1)):
            with self.subTest(byte=at, value=value):
                body = raw[:at] + bytes([value]) + raw[at + 1 : 96]
                token = body + self.signing_key.sign(body)
                self.assert_write(Status.tokenMalformed, self.good.changed(token=token))

    def test_a_number_that_another_history_of_the_namespace_gave(self):
        data = self.bytes(3000)
        target = self.target(self.lease(key=self.key("/number")))
        self.finish(self.stream(target).data(0, data), data)
        made, _ = credentials.decode_token(target.token)
        stranger = (made.incarnation + 1) & 0xFFFFFFFF
        self.assert_write(Status.tokenWrongBlock, self.forged(target, incarnation=stranger))
        self.finish(self.stream(target).data(0, data), data)
        reader = self.forged(target, modes=credentials.READ)
        self.assertEqual(data, read_range(reader, 0, len(data)))
        with self.assertRaises(Refusal) as caught:
            read_range(self.forged(reader, incarnation=stranger), 0, 1)
        self.assertEqual(caught.exception.status, Status.notFound)

    def test_a_key_nobody_knows(self):
        other = Key(self.signing_key.id + 1, self.signing_key.secret)
        self.assert_write(
            Status.tokenUnknownKey, self.forged(self.good, other, key_id=other.id))

    def test_a_forged_signature(self):
        raw = self.good.token
        for at in (96, 127, 80):
            with self.subTest(byte=at):
                token = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
                self.assert_write(Status.tokenForged, self.good.changed(token=token))
        stranger = Key(self.signing_key.id, bytes(32))
        self.assert_write(Status.tokenForged, self.forged(self.good, stranger))

    def test_another_cluster_s_token(self):
        self.assert_write(Status.tokenWrongCluster, self.forged(self.good, cluster=bytes(16)))

    def test_a_chain_the_token_does_not_cover(self):
        node = self.good.chain[0]
        longer = [node, credentials.ChainNode(bytes(16), "127.0.0.1", 9)]
        moved = [credentials.ChainNode(node.node, "127.0.0.2", node.port)]
        for chain in (longer, moved):
            with self.subTest(chain=chain), WriteStream(
                    self.good.changed(chain=chain), DataConnection(self.good.head)) as stream:
                self.assert_status(Status.tokenWrongChain, stream.begin().refusal())

    def test_a_node_that_the_chain_does_not_name(self):
        ports = {node.address[1] for node in self.cluster.nodes} - {self.good.head[1]}
        self.assert_write(
            Status.tokenWrongNode, self.good, address=("127.0.0.1", ports.pop()))

    def test_a_read_token_does_not_write(self):
        self.assert_write(
            Status.tokenWrongMode, self.forged(self.good, modes=credentials.READ))
        self.assert_write(
            Status.tokenWrongMode, self.forged(self.good, modes=credentials.REPAIR))

    def test_a_write_token_does_not_read(self):
        data = self.bytes(100)
        values.put(self.client, self.key("/read"), data)
        target = located(self.client.open(self.key("/read")).blocks[0])
        self.assertEqual(read_range(target, 0, 100), data)
        with self.assertRaises(Refusal) as caught:
            read_range(self.forged(target, modes=credentials.WRITE), 0, 100)
        self.assert_status(Status.tokenWrongMode, caught.exception)

    def test_two_readers_have_two_tokens_and_two_keys(self):
        data = self.bytes(5_000)
        values.put(self.client, self.key("/value"), data)
        # Most of them within one millisecond, of a single chain.
        blocks = [self.client.open(self.key("/value")).blocks[0] for _ in range(60)]
        self.assertEqual(len({block.token for block in blocks}), 60)
        self.assertEqual(len({block.stream_key for block in blocks}), 60)
        self.assertEqual(read_range(located(blocks[0]), 0, len(data)), data)

    def test_another_block_s_token(self):
        self.assert_write(Status.tokenWrongBlock, self.good, block=self.good.block + 1)
        self.assert_write(
            Status.tokenWrongBlock, self.forged(self.good, block=self.good.block + 1))

    def test_an_epoch_that_is_not_the_token_s(self):
        self.assert_write(Status.tokenStaleEpoch, self.good, epoch=self.good.epoch + 1)

    def test_an_epoch_older_than_the_block_s(self):
        old = self.target(self.lease(key=self.key("/old")))
        new = self.forged(old, epoch=old.epoch + 1).changed(epoch=old.epoch + 1)
        stream = self.stream(new).data(0, b"newer")
        stream.wait_ack(5)
        self.assert_write(Status.tokenStaleEpoch, old)

    def test_an_expired_token(self):
        token = self.forged(self.good, issued=0, duration=1)
        time.sleep(max(0, self.key_known_at + GRACE_SECONDS + 0.5 - time.monotonic()))
        self.assert_write(Status.tokenExpired, token)

    def test_a_token_for_a_shorter_block(self):
        short = self.forged(self.target(self.lease(key=self.key("/short"))), max_length=10)
        stream = self.stream(short).data(0, b"0123456789")
        stream.wait_ack(10)
        stream.data(10, b"x")
        self.assert_status(Status.tokenTooShort, stream.refusal())

    def test_credentials_that_cannot_be_read(self):
        honest = self.good.credentials
        chain = credentials.encode_chain(self.good.chain)
        payloads = {
            "nothing": b"", "half a token": honest[:64], "no chain": honest[:128],
            "an empty chain": honest[:128] + b"\0", "cut short": honest[:-1],
            "left over": honest + b"x", "six nodes": honest[:128] + b"\6" + chain[1:] * 6,
            "named twice": honest[:128] + b"\2" + chain[1:] * 2,
            "not UTF-8": honest[:-1] + b"\xff",
        }
        for name, payload in payloads.items():
            with self.subTest(name), WriteStream(self.good) as stream:
                header = stream.header(
                    frames.WRITE, payload_length=len(payload),
                    checksum=frames.crc32c(payload))
                stream.connection.send(header, payload)
                self.assert_status(Status.badCredentials, stream.refusal())


class Rotation(ClusterCase):
    settings = {
        "datanodes": 1, "replicas": 1, "min_nodes": 1, "key_rotation_ms": 700,
        "lease_ms": 120_000}

    def test_a_dropped_key_revokes_what_it_signed_and_a_new_token_works(self):
        lease = self.lease()
        old = self.target(lease)

        def refused():
            with WriteStream(old) as stream:
                try:
                    stream.begin().next_ack()
                except Refusal as refusal:
                    return refusal
            return None

        self.assert_status(Status.tokenUnknownKey, until(refused, "the old key dropped"))
        data = self.bytes(5000)
        with WriteStream(self.target(lease)) as stream:
            self.finish(stream.begin().data(0, data), data)

    def test_a_stream_that_has_begun_goes_on_after_its_key_was_dropped(self):
        stream = self.stream()
        stream.next_ack()
        time.sleep(4 * 0.7)
        data = self.bytes(5000)
        self.finish(stream.data(0, data), data)


if __name__ == "__main__":
    unittest.main()
