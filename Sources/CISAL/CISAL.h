// ISA-L's CRC32C ("crc32_iscsi"), which picks its instruction set at run time.
#pragma once
#include <isa-l/crc.h>
