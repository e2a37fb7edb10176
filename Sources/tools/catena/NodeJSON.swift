import Client
import ControlClient
import System
import ToolSupport
import Wire

/// `HOST:PORT` of a chain's node.
func address(_ node: ChainNode) -> String {
    Endpoint(host: node.host, port: node.port).description
}

func nodeJSON(_ node: ChainNode) -> JSONValue {
    .object([("node", .string("\(node.node)")), ("address", .string(address(node)))])
}

func replicaJSON(_ replica: Replica) -> JSONValue {
    .object([
        ("node", .string("\(replica.node.node)")), ("address", .string(address(replica.node))),
        ("location", .string(replica.location)),
    ])
}
