"""The stand-in datanode's streams: one connection, and the hop behind it."""

import dataclasses
import hmac
import os
import socket
import threading
import time

from .. import credentials, frames
from ..control import Closed
from ..crc32c import crc32c
from ..datanode import DataConnection, Refusal, check_proof
from ..status import Level, Status
from .blocks import Fault

GRACE_MS = 2000


class Stream:
    """What a `write` opened: the block, the token's bound, the next hop and what it has acked."""

    def __init__(self, server, header, block, token, following):
        self.server, self.block, self.token = server, block, token
        self.header = header
        self.seal = None
        self.done = False
        self.down = None if following is None else (0, 0, 0)
        self.next = following

    def answer(self, operation, payload=b"", **fields):
        header = frames.Header(
            operation, stream=self.header.stream, block=self.block.number,
            epoch=self.block.epoch, payload_length=len(payload), **fields)
        self.server.send(header, payload)

    def progress(self):
        durable = self.block.hwm if self.block.sealed else self.block.flushed
        own = (self.block.hwm, self.block.hwm, durable)
        return own if self.down is None else tuple(map(min, own, self.down))

    def ack(self):
        received, written, durable = self.progress()
        self.answer(frames.ACK, received=received, written=written, durable=durable)

    def follow(self):
        """Reads the next hop's answers, in a thread of its own."""
        try:
            while True:
                header, payload = self.next.receive()
                check_proof(self.next.expected, header)
                self.next.expected = None
                self.down = header.progress
                if header.operation == frames.SEALED:
                    self.check_receipt(payload)
                    self.finish(Level(min(self.block.sealed * 2, _level(header.flags))))
                    return
                if self.block.owner is self:
                    self.ack()
        except Refusal as refused:
            self.fail(Fault(refused.status, refused.text, refused.node))
        except AssertionError as error:
            self.fail(Fault(Status.unproven, str(error)))
        except (OSError, Closed, frames.Malformed):
            self.fail(Fault(Status.nextHopFailed, "the next node closed the connection"))

    def check_receipt(self, payload):
        receipt, signature = credentials.decode_receipt(payload)
        key, _ = self.server.node.find_key(receipt.key_id)
        wanted = (self.block.number, self.block.epoch, self.seal.length, self.seal.checksum,
                  self.header.place + 1, _level(self.seal.flags) <= receipt.level)
        found = (receipt.block, receipt.epoch, receipt.length, receipt.checksum, receipt.place, True)
        if not key or key.sign(receipt.unsigned()) != signature or wanted != found:
            raise AssertionError("the receipt of the chain behind does not hold")

    def fail(self, fault):
        if not self.done:
            self.done = True
            self.server.fail(fault, self.header)

    def try_seal(self):
        block, seal = self.block, self.seal
        if seal is None or block.hwm < seal.length:
            return
        with block.lock:
            block.check_seal(seal.length, seal.checksum)
            if not block.sealed:
                block.sealed = True
                self.server.node.store.save(block)
        if self.next is None:
            self.finish(Level.durable)

    def finish(self, level):
        node, block = self.server.node, self.block
        key = node.current_key()
        receipt = credentials.Receipt(
            level, block.crc, key.id, node.cluster, block.number, block.epoch, block.hwm,
            self.header.place)
        received, written, durable = self.progress()
        self.done = True
        block.owner = None
        self.answer(
            frames.SEALED, receipt.signed(key), flags=frames.LEVEL_FLAG[level],
            received=received, written=written, durable=durable, length=block.hwm,
            checksum=block.crc)
        self.server.finished.set()
        if self.next:
            self.next.close()


def _level(flags):
    return 2 if flags & frames.DURABLE else 1 if flags & frames.WRITTEN else 0


class StreamServer:
    """One accepted connection."""

    def __init__(self, node, sock):
        self.node, self.socket = node, sock
        self.sending = threading.Lock()
        self.finished = threading.Event()
        self.stream = None
        self.sequence = 0
        self.deadline = 0
        self.proof = b""

    def send(self, header, payload=b""):
        with self.sending:
            header.sequence = self.sequence
            self.sequence += 1
            header.proof, self.proof = self.proof, b""
            self.socket.sendall(header.encode() + payload)

    def fail(self, fault, header=None):
        payload = frames.error_payload(fault.node or self.node.id, fault.text)
        try:
            self.socket.settimeout(self.node.options.progress_timeout_ms / 1000)
            self.send(frames.Header(
                frames.ERROR, stream=header.stream if header else 0,
                block=header.block if header else 0, status=fault.status,
                payload_length=len(payload), checksum=crc32c(payload)), payload)
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def run(self):
        header = None
        try:
            while True:
                header = self.next_header()
                if header is None:
                    return
                payload = self.payload(header)
                self.handle(header, payload)
        except frames.Malformed as bad:
            self.fail(Fault(bad.status))
        except Fault as fault:
            self.fail(fault, header)
        except TimeoutError:
            self.fail(Fault(Status.slowPeer), header)
        except (OSError, Closed):
            return
        finally:
            self.end()

    def end(self):
        self.socket.close()
        if self.stream and self.stream.next:
            self.stream.done = True
            self.stream.next.close()

    def next_header(self):
        options = self.node.options
        self.socket.settimeout(
            options.idle_timeout_ms / 1000 * (5 if self.stream and not self.stream.done else 1))
        first = self.socket.recv(1)
        if not first:
            return None
        self.deadline = time.monotonic() + options.progress_timeout_ms / 1000
        return frames.decode(first + self.rest(frames.HEADER_BYTES - 1))

    def rest(self, count):
        parts = []
        while count:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.socket.settimeout(left)
            part = self.socket.recv(min(count, 1 << 20))
            if not part:
                raise Fault(Status.truncated)
            parts.append(part)
            count -= len(part)
        self.socket.settimeout(self.node.options.progress_timeout_ms / 1000)
        return b"".join(parts)

    def payload(self, header):
        payload = self.rest(header.payload_length)
        if header.operation in (frames.WRITE, frames.READ):
            if crc32c(payload) != header.checksum:
                raise Fault(Status.badPayloadChecksum)
        elif frames.piece_crcs(header.offset, payload) != header.pieces and payload:
            raise Fault(Status.badPayloadChecksum)
        return payload

    def handle(self, header, payload):
        open_stream = self.stream is not None and not self.stream.done
        if header.operation == frames.WRITE and not open_stream:
            self.write(header, payload)
        elif header.operation == frames.READ and not open_stream:
            self.read(header, payload)
        elif header.operation == frames.DATA and open_stream:
            self.data(header, payload)
        elif header.operation == frames.FLUSH and open_stream:
            self.flush(header)
        elif header.operation == frames.SEAL and open_stream and self.stream.seal is None:
            self.seal(header)
        else:
            raise Fault(Status.unexpectedOperation)

    def admit(self, header, payload, mode):
        """(token, chain, place); the order of checks is the page's."""
        node = self.node
        try:
            raw, chain = credentials.decode_credentials(payload)
        except ValueError as error:
            raise Fault(Status.badCredentials) from error
        try:
            token, signature = credentials.decode_token(raw)
        except ValueError as error:
            raise Fault(Status.tokenMalformed) from error
        key, age = node.find_key(token.key_id)
        place = header.place
        is_here = place < len(chain) and chain[place].node == node.id
        checks = [
            (key is not None, Status.tokenUnknownKey),
            (key and hmac.compare_digest(key.sign(token.unsigned()), signature),
             Status.tokenForged),
            (token.cluster == node.cluster, Status.tokenWrongCluster),
            (token.chain_hash == credentials.chain_hash(chain), Status.tokenWrongChain),
            (is_here, Status.tokenWrongNode),
            (token.modes & mode, Status.tokenWrongMode),
            (token.block == header.block, Status.tokenWrongBlock),
            (token.epoch == header.epoch, Status.tokenStaleEpoch),
            (age <= token.issued + token.duration + GRACE_MS, Status.tokenExpired)]
        for good, status in checks:
            if not good:
                raise Fault(status)
        self.proof = credentials.stream_proof(key.stream_key(raw), header)
        return token, chain, place

    def write(self, header, payload):
        token, chain, place = self.admit(header, payload, credentials.WRITE)
        block = self.node.store.open(header.block, header.epoch)
        following = self.connect(chain, place + 1, header, payload) if chain[place + 1 :] else None
        self.finished.clear()
        self.stream = Stream(self, header, block, token, following)
        with block.lock:
            older, block.owner = block.owner, self.stream
        if older:
            older.fail(Fault(Status.superseded))
        if following:
            threading.Thread(target=self.stream.follow, daemon=True).start()
        else:
            self.stream.ack()

    def connect(self, chain, place, header, payload):
        hop = chain[place]
        try:
            connection = DataConnection(hop.address)
        except OSError as error:
            raise Fault(Status.nextHopUnreachable, f"{hop.host}:{hop.port}: {error}") from error
        raw = payload[: credentials.TOKEN_BYTES]
        key, _ = self.node.find_key(credentials.decode_token(raw)[0].key_id)
        asked = dataclasses.replace(header, challenge=os.urandom(16), place=place)
        connection.expected = credentials.stream_proof(key.stream_key(raw), asked)
        connection.send(asked, payload)
        return connection

    def data(self, header, payload):
        stream = self.stream
        with stream.block.lock:
            if header.block != stream.block.number:
                raise Fault(Status.unexpectedOperation, "another block")
            if header.end > stream.token.max_length:
                raise Fault(Status.tokenTooShort)
            answered = stream.block.take(header.offset, payload)
            answered = stream.block.try_flush() or answered
        if stream.next:
            stream.next.send(header, payload)
        elif answered:
            stream.ack()
        stream.try_seal()
        self.wait_when_sealing()

    def flush(self, header):
        stream = self.stream
        if header.length > stream.token.max_length:
            raise Fault(Status.tokenTooShort)
        with stream.block.lock:
            stream.block.flush_asked = max(stream.block.flush_asked, header.length)
            stream.block.try_flush()
        if stream.next:
            stream.next.send(header)
        else:
            stream.ack()

    def seal(self, header):
        stream = self.stream
        if header.length > stream.token.max_length:
            raise Fault(Status.tokenTooShort)
        if stream.block.hwm >= header.length:
            stream.block.check_seal(header.length, header.checksum)
        stream.seal = header
        if stream.next:
            stream.next.send(header)
        stream.try_seal()
        self.wait_when_sealing()

    def wait_when_sealing(self):
        if self.stream.block.sealed and self.stream.seal:
            while not self.finished.wait(0.1) and not self.stream.done:
                pass

    def read(self, header, payload):
        self.admit(header, payload, credentials.READ)
        block = self.node.store.blocks.get(header.block)
        if block is None:
            raise Fault(Status.notFound)
        if not block.sealed:
            raise Fault(Status.mayBeLost if block.lost else Status.notSealed)
        if block.corrupt:
            raise Fault(Status.corrupt)
        if not header.length or header.offset + header.length > block.hwm:
            raise Fault(Status.badRange)
        at = header.offset // frames.CHUNK * frames.CHUNK
        last = header.offset + header.length - 1
        stop = min(block.hwm, (last // frames.CHUNK + 1) * frames.CHUNK)
        while at < stop:
            most = frames.PIECES_BESIDE_PROOF * frames.CHUNK if self.proof else frames.DATA_BYTES
            part = bytes(block.data[at : min(stop, at + most)])
            self.send(frames.Header(
                frames.DATA, frames.LAST if at + len(part) == stop else 0, header.stream, 0,
                header.block, header.epoch, at, len(part), 0,
                frames.piece_count(at, len(part)), frames.piece_crcs(at, part)), part)
            at += len(part)
