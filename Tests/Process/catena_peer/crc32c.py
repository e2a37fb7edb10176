"""CRC32C (Castagnoli, reflected polynomial 0x82f63b78): of bytes, continued, and combined.

Long inputs go through many lanes at once. The input is cut into lanes of LANE bytes; one step takes
the next four bytes of every lane, and the four tables are applied to all lanes together by
`bytes.translate`, the sums by one XOR of big integers. The lanes are then joined with the
operator "append LANE zero bytes". In CPython this is some ten times faster than a loop over bytes.
"""

import ctypes

POLYNOMIAL = 0x82F63B78
LANE = 128  # bytes per lane; a multiple of 4
LANES_FROM = 16 * LANE  # below this the plain loop is as fast


def _byte_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


TABLE = _byte_table()


def _update(register, data):
    """The register after `data`; no inversion at either end."""
    table = TABLE
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ register >> 8
    return register


def _slice_tables():
    """translate[k][j]: byte j of what a register's byte k becomes when four zero bytes follow."""
    tables = []
    for k in range(4):
        words = [_update(value << 8 * k, bytes(4)) for value in range(256)]
        tables.append([bytes(word >> 8 * j & 0xFF for word in words) for j in range(4)])
    return tables


TRANSLATE = _slice_tables()


def multiply(left, right):
    """The product of two polynomials over GF(2), bit-reflected, modulo the polynomial."""
    product = 0
    while left:
        if left & 0x80000000:
            product ^= right
        left = left << 1 & 0xFFFFFFFF
        right = right >> 1 ^ (POLYNOMIAL if right & 1 else 0)
    return product


def shift(count):
    """x^(8 count) modulo the polynomial: what `count` zero bytes multiply a register by."""
    result, power, bits = 0x80000000, 0x40000000, count * 8
    while bits:
        if bits & 1:
            result = multiply(power, result)
        power = multiply(power, power)
        bits >>= 1
    return result


def _shift_tables(count):
    """Four tables that together shift a register over `count` zero bytes."""
    factor = shift(count)
    return [[multiply(value << 8 * k, factor) for value in range(256)] for k in range(4)]


LANE_SHIFT = _shift_tables(LANE)


def _lanes(register, data):
    """The register after `data`, whose length is a multiple of LANE."""
    lanes = len(data) // LANE
    zero = bytes(lanes)
    state = b"".join((register >> 8 * k & 0xFF).to_bytes(1, "little") + zero[1:] for k in range(4))
    for start in range(0, LANE, 4):
        column = b"".join(data[start + k :: LANE] for k in range(4))
        mixed = int.from_bytes(state, "little") ^ int.from_bytes(column, "little")
        mixed = mixed.to_bytes(4 * lanes, "little")
        total = 0
        for k in range(4):
            part = mixed[k * lanes : (k + 1) * lanes]
            moved = b"".join([part.translate(table) for table in TRANSLATE[k]])
            total ^= int.from_bytes(moved, "little")
        state = total.to_bytes(4 * lanes, "little")
    first, second, third, fourth = LANE_SHIFT
    joined = 0
    for a, b, c, d in zip(*(state[k * lanes : (k + 1) * lanes] for k in range(4))):
        joined = (
            first[joined & 0xFF]
            ^ second[joined >> 8 & 0xFF]
            ^ third[joined >> 16 & 0xFF]
            ^ fourth[joined >> 24]
            ^ (a | b << 8 | c << 16 | d << 24)
        )
    return joined


_isal = None


def take_isal():
    """Has ISA-L reckon from now on, for load and not for tests of the protocol: both sides then
    share an implementation. `False`: it is not there, or does not agree with this one."""
    global _isal
    try:
        function = ctypes.CDLL("libisal.so.2").crc32_iscsi
    except (OSError, AttributeError):
        return False
    function.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32]
    function.restype = ctypes.c_uint32
    samples = [b"", b"1", b"123456789", bytes(range(256)) * 9]
    wanted = [crc32c(sample, 7) for sample in samples]
    if [function(sample, len(sample), 7 ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
            for sample in samples] != wanted:
        return False
    _isal = function
    return True


def crc32c(data, crc=0):
    """The CRC of `data`, or of what `crc` covers followed by `data`."""
    data = bytes(data)
    register = crc ^ 0xFFFFFFFF
    if _isal:
        return _isal(data, len(data), register) ^ 0xFFFFFFFF
    if len(data) >= LANES_FROM:
        cut = len(data) - len(data) % LANE
        register = _lanes(register, data[:cut])
        data = data[cut:]
    return _update(register, data) ^ 0xFFFFFFFF


def combine(first, second, second_length):
    """The CRC of A followed by B, from the CRCs of A and B and B's length."""
    return multiply(first, shift(second_length)) ^ second
