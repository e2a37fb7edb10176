"""Descriptors of catena.proto's messages, by hand: `number kind name`, `*` for repeated.

An enum is kind `enum`; its values are in status.py. test_codec.py compares this table with the
.proto file, so that the two cannot drift apart unseen.
"""

TABLE = """
Hello: 1 uint32 protocol_min; 2 uint32 protocol_max; 3 bytes cluster_id; 4 enum role; 5 string
    software
HelloReply: 1 enum code; 2 string message; 3 uint32 protocol; 4 bytes cluster_id; 5 bytes
    challenge
Request: 1 bytes client_id; 2 uint64 request_id; 10 Register register; 11 Heartbeat heartbeat; 12
    Create create; 13 AddBlock add_block; 14 Renew renew; 15 Close close; 16 Abandon abandon; 17
    Open open; 18 Info info; 19 List list; 20 Delete delete; 21 Rename rename; 22 ClusterStatus
    cluster_status; 23 Report report; 30 ReportBad report_bad; 31 Scrub scrub; 32 Fsck fsck; 33
    Strays strays
Reply: 1 uint64 request_id; 2 enum code; 3 string message; 4 uint32 live_nodes; 5 uint32
    needed_nodes; 6 LateBlock late; 10 RegisterReply register; 11 HeartbeatReply heartbeat; 12
    Lease create; 13 BlockPlan add_block; 14 Lease renew; 15 Empty close; 16 Empty abandon; 17
    OpenReply open; 18 KeyInfo info; 19 ListReply list; 20 Empty delete; 21 Empty rename; 22
    ClusterStatusReply cluster_status; 23 ReportReply report; 30 Empty report_bad; 31 ScrubReply
    scrub; 32 FsckReply fsck; 33 StraysReply strays; 110 bytes proof
Empty:
LateBlock: 1 uint64 block; 2 uint32 position; 3 Node node; 4 enum level
Device: 1 bytes device_id; 2 string location; 3 uint64 capacity_bytes; 4 uint64 used_bytes; 5
    uint64 free_bytes; 6 string path; 7 bool failed; 110 uint64 file_system
BlockState: 1 uint64 block; 2 uint64 epoch; 3 uint64 length; 4 uint32 crc; 5 enum state; 6 bytes
    device_id; 40 uint32 incarnation
Register: 1 bytes node_id; 2 bytes incarnation; 3 string host; 4 uint32 port; 5 *Device devices; 6
    bytes proof; 7 string software; 40 uint32 seen_incarnation; 41 uint64 seen_commit; 50 bytes
    challenge; 60 uint64 generation
SigningKey: 1 uint64 key_id; 3 uint64 age_ms; 50 bytes sealed
Timing: 1 uint32 heartbeat_ms; 2 uint32 stale_ms; 3 uint32 dead_ms
RegisterReply: 1 bytes cluster_id; 2 uint64 session; 3 *SigningKey keys; 4 uint64 current_key; 5
    Timing timing
Heartbeat: 1 bytes node_id; 2 uint64 session; 3 uint64 sequence; 4 *BlockState blocks; 5 bool
    report_complete; 6 *Device devices; 7 uint32 open_streams; 10 *DeviceScrub scrubs; 11
    bytes proof; 50 bytes challenge; 120 *Metric metrics
Metric: 1 string name; 2 *double numbers; 3 string label; 4 *string label_values; 5 *double
    bounds; 6 *uint64 counts; 7 double sum
DeviceScrub: 1 bytes device_id; 2 uint64 pass; 3 uint64 pass_blocks; 4 uint64 pass_done; 5 uint64
    pass_bytes; 6 uint64 blocks; 7 uint64 bytes; 8 uint64 bad; 9 uint64 asked
Command: 1 enum kind; 2 uint64 block; 3 uint64 epoch; 40 uint32 incarnation; 41 bool sealed; 42
    uint64 length; 43 uint32 crc
HeartbeatReply: 1 *SigningKey keys; 2 uint64 current_key; 3 *Command commands; 40 uint32
    incarnation; 41 uint64 commit
Create: 1 string key; 2 bool overwrite; 70 uint64 length
Lease: 1 bytes lease_id; 2 uint64 duration_ms; 70 uint64 block_bytes; 71 uint64 longest_block;
    72 uint32 most_blocks
AddBlock: 1 bytes lease_id; 2 uint64 size_hint; 3 *bytes exclude; 4 uint32 replicas; 5 string
    location; 6 uint32 count; 7 uint64 block_bytes
Node: 1 bytes node_id; 2 string host; 3 uint32 port; 4 string location
BlockPlan: 1 uint64 block; 2 uint64 epoch; 3 uint64 max_length; 4 *Node chain; 5 bytes token; 6
    *BlockPlan more; 50 bytes stream_key
Renew: 1 bytes lease_id
Receipt: 1 uint64 block; 2 uint64 epoch; 3 uint64 length; 4 uint32 crc; 5 enum level; 6 uint64
    key_id; 7 bytes signature
Close: 1 bytes lease_id; 2 *Receipt blocks; 3 enum durability; 70 bool more
Abandon: 1 bytes lease_id
Open: 1 string key; 2 string location; 3 uint64 offset; 4 uint64 length
BlockLocation: 1 uint64 block; 2 uint64 epoch; 3 uint64 offset; 4 uint64 length; 5 uint32 crc; 6
    *Node replicas; 7 bytes token; 50 bytes stream_key; 80 bool reports_incomplete
OpenReply: 1 string key; 2 uint64 length; 3 *BlockLocation blocks; 4 uint64 value
Info: 1 string key
KeyInfo: 1 string key; 2 bool exists; 3 uint64 length; 4 int64 created_unix_ms; 5 *BlockLocation
    blocks; 6 bool open; 7 uint64 open_length; 8 uint64 lease_remaining_ms; 9 uint32 open_blocks
List: 1 string prefix; 2 string start_after; 3 uint32 limit; 4 string delimiter
ListEntry: 1 string key; 2 uint64 length; 3 int64 created_unix_ms; 4 bool prefix
ListReply: 1 *ListEntry entries; 2 bool more; 3 string next
Delete: 1 string key
Rename: 1 string from; 2 string to; 3 bool overwrite
ClusterStatus:
ClusterStatusReply: 1 bytes cluster_id; 2 uint32 live; 3 uint32 stale; 4 uint32 dead; 5 uint32
    needed; 6 uint64 capacity_bytes; 7 uint64 used_bytes; 8 uint64 keys; 9 uint64 blocks; 10
    uint64 leases; 11 uint64 under_replicated_blocks; 12 uint64 missing_blocks; 13 uint64
    uptime_ms; 14 uint32 replicas; 15 uint64 block_bytes; 20 uint64 corrupt_replicas; 21 uint64
    stray_blocks; 40 NamespaceBehind behind; 41 uint32 reports_complete; 110
    uint32 awaited; 111 uint32 reports_incomplete; 112 uint64 awaited_blocks
NamespaceBehind: 1 bytes node_id; 2 uint32 incarnation; 3 uint64 commit; 4 uint64 own_commit; 5
    uint64 block; 6 uint64 own_block
Report: 1 bool dead_only; 120 bool metrics; 121 *bytes node_ids
NodeReport: 1 Node node; 2 string state; 3 uint64 last_contact_ms; 4 *Device devices; 5 uint64
    blocks; 6 uint32 open_streams; 7 string software; 8 bool report_complete; 10 uint64 corrupt;
    11 uint64 strays; 12 uint64 mismatches; 13 *DeviceScrub scrubs; 80 bool suspected; 100 uint64
    stale; 120 *Metric metrics; 121 bool metrics_left_out
ReportReply: 1 ClusterStatusReply status; 2 *NodeReport nodes; 120 *Metric metrics
ReportBad: 1 uint64 block; 2 uint64 epoch; 3 bytes node_id; 80 enum reason
Scrub: 1 bool start; 2 bytes node_id; 3 uint64 block
ScrubReply: 1 uint32 asked; 2 *NodeScrub nodes
NodeScrub: 1 Node node; 2 string state; 3 uint64 waiting; 4 bool waiting_all; 5 uint64 corrupt; 6
    *DeviceScrub devices; 7 *string paths
Fsck: 1 string prefix; 2 string start_after; 3 uint64 start_offset; 4 bool blocks; 5 bool
    locations
FsckReply: 1 *FsckKey keys; 2 bool more; 3 string next; 4 uint64 next_offset; 5 uint32
    reports_incomplete; 6 uint32 dead
FsckKey: 1 string key; 2 uint64 length; 3 uint32 blocks; 4 uint32 under_replicated; 5 uint32
    corrupt; 6 uint32 missing; 7 uint32 corrupt_replicas; 8 uint32 live_replicas; 9 *FsckBlock
    detail; 10 uint32 wanted_replicas; 100 uint32 stale_replicas; 110 uint32
    awaited
FsckBlock: 1 uint64 block; 2 uint64 epoch; 3 uint64 offset; 4 uint64 length; 5 uint32 wanted; 6
    uint32 live; 7 uint32 corrupt; 8 *FsckReplica replicas; 100 uint32 stale
FsckReplica: 1 Node node; 2 enum state
Strays: 1 bytes node_id; 2 bool delete
StraysReply: 1 *Stray strays; 2 uint64 total; 3 uint64 deleting; 4 uint64 kept
Stray: 1 Node node; 2 uint64 block; 3 uint64 epoch; 4 uint64 length; 5 bytes device_id; 6 string
    path; 7 uint64 seen_ms; 8 bool foreign; 9 bool deleting
"""


def _read(table):
    messages = {}
    for line in table.strip().replace("\n    ", " ").splitlines():
        name, _, fields = line.partition(":")
        messages[name] = {}
        for field in filter(None, (part.strip() for part in fields.split(";"))):
            number, kind, label = field.split()
            messages[name][label] = (int(number), kind.lstrip("*"), kind.startswith("*"))
    return messages


MESSAGES = _read(TABLE)
