import Reactor

// Tests name a record by its place alone; the product gets every index from a slab or a pool.
extension RecordIndex: ExpressibleByIntegerLiteral where Record: ~Copyable {
    public init(integerLiteral place: Int) { self.init(place) }
}
