"""Codes of the data plane (PROTOCOL section 1.6) and of the control plane (catena.proto)."""

import enum


class Status(enum.IntEnum):
    ok = 0
    badMagic = 100
    badVersion = 101
    badHeaderChecksum = 102
    unknownOperation = 103
    badFlags = 104
    payloadTooLarge = 105
    badPayloadLength = 106
    badPieceCount = 107
    badPayloadChecksum = 108
    unexpectedOperation = 109
    badCredentials = 110
    truncated = 111
    tokenMalformed = 200
    tokenUnknownKey = 201
    tokenForged = 202
    tokenWrongCluster = 203
    tokenWrongChain = 204
    tokenWrongNode = 205
    tokenWrongMode = 206
    tokenWrongBlock = 207
    tokenStaleEpoch = 208
    tokenExpired = 209
    tokenTooShort = 210
    conflict = 300
    gapBeyondWindow = 301
    straddles = 302
    sealMismatch = 303
    sealed = 304
    notFound = 305
    notSealed = 306
    mayBeLost = 307
    corrupt = 308
    superseded = 309
    badRange = 310
    busy = 400
    noSpace = 401
    deviceFailed = 402
    shuttingDown = 403
    fenced = 404
    slowPeer = 405
    nextHopUnreachable = 500
    nextHopFailed = 501
    unproven = 502


class Code(enum.IntEnum):
    OK = 0
    MALFORMED = 1
    WRONG_VERSION = 2
    WRONG_CLUSTER = 3
    BAD_SECRET = 4
    INCARNATION_REPLACED = 5
    STALE_SESSION = 6
    NOT_FOUND = 7
    EXISTS = 8
    LEASED = 9
    TOO_FEW_NODES = 10
    BAD_KEY = 11
    LEASE_EXPIRED = 12
    NO_SPACE = 13
    STALE_EPOCH = 14
    BLOCK_MISMATCH = 15
    NOT_DURABLE = 16
    BUSY = 17
    INTERNAL = 18
    STALE_COPY = 38


class Level(enum.IntEnum):
    received = 0
    written = 1
    durable = 2


class Durability(enum.IntEnum):
    """Of CLOSE. Numbered the other way round than Level: the default is the strongest."""

    DURABLE = 0
    WRITTEN = 1
    NONE = 2


class Role(enum.IntEnum):
    CLIENT = 1
    DATANODE = 2


class BlockStates(enum.IntEnum):
    OPEN = 0
    SEALED = 1
    LOST = 2
    MAYBE_LOST = 3


def named(code):
    """The Status of a number, or the number itself when it is none of ours."""
    try:
        return Status(code)
    except ValueError:
        return code
