"""The peer's own codecs, against the golden bytes, the page and the .proto. Needs no daemon."""

import dataclasses
import json
import pathlib
import random
import re
import unittest

from catena_peer import crc32c, credentials, frames, golden, messages, protobuf, sealing, status

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = json.loads(golden.PATH.read_text())


class Checksums(unittest.TestCase):
    def test_the_check_value_of_the_page(self):
        self.assertEqual(crc32c.crc32c(b"123456789"), 0xE3069283)

    def test_the_lanes_agree_with_the_plain_loop(self):
        chance = random.Random(1)
        for length in (0, 1, 127, 2047, 2048, 2049, 4096, 65535, 65536, 70001):
            data = chance.randbytes(length)
            plain = crc32c._update(0xFFFFFFFF, data) ^ 0xFFFFFFFF
            self.assertEqual(crc32c.crc32c(data), plain, length)

    def test_a_crc_can_be_continued_and_combined(self):
        data = random.Random(2).randbytes(10000)
        for cut in (0, 1, 4095, 4096, 9999, 10000):
            first, second = crc32c.crc32c(data[:cut]), crc32c.crc32c(data[cut:])
            self.assertEqual(crc32c.crc32c(data[cut:], first), crc32c.crc32c(data))
            self.assertEqual(
                crc32c.combine(first, second, len(data) - cut), crc32c.crc32c(data))

    def test_a_frame_s_pieces_combine_to_the_block_s_crc(self):
        data = random.Random(3).randbytes(200000)
        crc, at = 0, 0
        for length in (100, 65436, 65536, 1, 68927):
            part = data[at : at + length]
            crc = frames.crc_of_pieces(at, length, frames.piece_crcs(at, part), crc)
            at += length
        self.assertEqual((at, crc), (len(data), crc32c.crc32c(data)))


class Golden(unittest.TestCase):
    def test_the_file_is_what_the_generator_makes(self):
        self.assertEqual(golden.PATH.read_text(), golden.text())

    def test_headers_decode_to_their_fields_and_encode_back(self):
        for entry in GOLDEN["headers"]:
            with self.subTest(entry["name"]):
                raw = bytes.fromhex(entry["hex"])
                header = frames.decode(raw)
                self.assertEqual(golden.plain(header), entry["fields"])
                self.assertEqual(header.encode(), raw)

    def test_malformed_headers_get_their_status(self):
        for entry in GOLDEN["malformed_headers"]:
            with self.subTest(entry["name"]), self.assertRaises(frames.Malformed) as caught:
                frames.decode(bytes.fromhex(entry["hex"]))
            self.assertEqual(caught.exception.status.name, entry["status"])

    def test_tokens_chains_and_receipts_decode(self):
        for entry in GOLDEN["tokens"]:
            token, signature = credentials.decode_token(bytes.fromhex(entry["hex"]))
            self.assertEqual(golden.plain(token), entry["fields"])
            self.assertEqual(signature, golden.KEY.sign(token.unsigned()))
        for entry in GOLDEN["receipts"]:
            receipt, signature = credentials.decode_receipt(bytes.fromhex(entry["hex"]))
            self.assertEqual(golden.plain(receipt), entry["fields"])
            self.assertEqual(signature, golden.KEY.sign(receipt.unsigned()))
        for entry in GOLDEN["chains"]:
            nodes = credentials.decode_chain(bytes.fromhex(entry["hex"]))
            self.assertEqual(
                [(n.node.hex(), n.host, n.port) for n in nodes],
                [(n["node"], n["host"], n["port"]) for n in entry["nodes"]])

    def test_answers_are_proven_to_the_last_bit(self):
        for entry in GOLDEN["answers"]:
            raw = bytes.fromhex(entry["hex"])
            proof = sealing.AnswerProof(*(
                bytes.fromhex(entry[name]) for name in ("secret", "node", "namenode", "datanode")))
            proof.check(raw)
            expected = golden.from_json("Reply", {**entry["fields"], "proof": raw[-32:].hex()})
            self.assertEqual(protobuf.decode("Reply", raw), expected)
            for bit in range(8 * len(raw)):
                bad = bytearray(raw)
                bad[bit // 8] ^= 1 << bit % 8
                with self.assertRaises(sealing.Unproven):
                    proof.check(bytes(bad))

    def test_control_messages_decode(self):
        for entry in GOLDEN["control"]:
            expected = golden.from_json(entry["message"], entry["fields"])
            self.assertEqual(
                protobuf.decode(entry["message"], bytes.fromhex(entry["hex"])), expected)


class Layouts(unittest.TestCase):
    def test_offsets_are_where_the_page_puts_them(self):
        raw = frames.Header(
            frames.ACK, 0x0102, 0x03040506, 7, 8, 9, 10, 11, status=12, piece_count=13,
            received=14, written=15, durable=16, length=17, checksum=18).encode()
        self.assertEqual(len(raw), 128)
        self.assertEqual(raw[:4], b"CTNA")
        places = {6: (2, 0x0102), 8: (4, 0x03040506), 12: (4, 7), 16: (8, 8), 24: (8, 9),
                  32: (8, 10), 40: (4, 11), 44: (2, 12), 46: (2, 13), 48: (8, 14), 56: (8, 15),
                  64: (8, 16), 112: (8, 17), 120: (4, 18)}
        for at, (size, value) in places.items():
            self.assertEqual(int.from_bytes(raw[at : at + size], "little"), value, at)

    def test_a_chain_that_is_cut_short_or_too_long_is_refused(self):
        raw = bytes.fromhex(GOLDEN["chains"][1]["hex"])
        for cut in range(len(raw)):
            with self.assertRaises(ValueError):
                credentials.decode_chain(raw[:cut])
        for bad in (raw + b"\0", b"\0", b"\6" + raw[1:]):
            with self.assertRaises(ValueError):
                credentials.decode_chain(bad)

    def test_the_forge_changes_only_what_it_is_told(self):
        honest = bytes.fromhex(GOLDEN["tokens"][0]["hex"])
        self.assertEqual(credentials.reforge(honest, golden.KEY), honest)
        other = credentials.reforge(honest, golden.KEY, block=99)
        before, after = (credentials.decode_token(raw)[0] for raw in (honest, other))
        self.assertEqual(dataclasses.replace(before, block=99), after)

    def test_status_codes_are_the_page_s(self):
        page = (ROOT / "docs" / "PROTOCOL.md").read_text()
        rows = re.findall(r"^\| (\d+) \| `(\w+)` \| ", page, re.M)
        self.assertEqual({name: int(code) for code, name in rows},
                         {entry.name: int(entry) for entry in status.Status})


class Protobuf(unittest.TestCase):
    proto = re.sub(
        r"//.*", "", (ROOT / "Sources" / "Wire" / "Control" / "catena.proto").read_text())

    def test_the_tables_are_the_proto_file_s(self):
        enums = set(re.findall(r"enum (\w+)", self.proto))
        found, name, depth = {}, None, 0
        text = re.sub(r"enum \w+ \{[^}]*\}", "", self.proto)
        for token in re.finditer(
                r"message (\w+) \{|oneof \w+ \{|(repeated )?([\w.]+) (\w+) = (\d+);|\}", text):
            if token[1]:
                name, depth = token[1], 1
                found[name] = {}
            elif token[0].startswith("oneof"):
                depth += 1
            elif token[0] == "}":
                depth -= 1
            elif depth:
                kind = "enum" if token[3] in enums else token[3]
                found[name][token[4]] = (int(token[5]), kind, bool(token[2]))
        self.assertEqual(messages.MESSAGES, found)

    def test_codes_are_the_proto_file_s(self):
        body = re.search(r"enum Code \{([^}]*)\}", self.proto)[1]
        pairs = {name: int(number) for name, number in re.findall(r"(\w+) = (\d+)", body)}
        self.assertEqual(pairs, {code.name: int(code) for code in status.Code})

    def test_every_kind_of_field_makes_the_round_trip(self):
        values = {
            "key": "k\u00e4y", "exists": True, "length": (1 << 64) - 1, "created_unix_ms": -5,
            "open_blocks": 3,
            "blocks": [{"block": 1, "replicas": [{"node_id": b"n", "port": 9}, {}]}, {}],
        }
        again = protobuf.decode("KeyInfo", protobuf.encode("KeyInfo", values))
        self.assertEqual(again, values)
        self.assertEqual((again.open, again.open_length, again.key), (False, 0, "k\u00e4y"))

    def test_unknown_fields_are_skipped_and_cut_messages_refused(self):
        raw = protobuf.encode("Create", {"key": "abc"})
        self.assertEqual(protobuf.decode("Create", raw + b"\xf8\x07\x05").key, "abc")
        for cut in range(1, len(raw)):
            with self.assertRaises(protobuf.Unreadable):
                protobuf.decode("Create", raw[:cut])


if __name__ == "__main__":
    unittest.main()
