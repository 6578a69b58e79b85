// SPDX-License-Identifier: Apache-2.0
//
// Where connections live: chunks of plain memory that never move, and the
// open-addressing index that finds a connection by its key.
//
// Reads   keys and their hashes.
// Writes  slots.
// Leaves  what a connection is.

/// Connections by slot. A slot is reused after `free`, with the next generation. Safe to use
/// from outside: the pointers are private, and every slot is checked against `slotCount`.
@safe struct ConnectionSlab: ~Copyable {
    private static let chunkShift: UInt32 = 10
    private static let chunkCount = 1 << Int(chunkShift)

    private var chunks: [UnsafeMutablePointer<Connection>]
    private var freeSlots: [UInt32] = []
    /// Slots that were ever in use: all below are initialized.
    private(set) var slotCount: UInt32 = 0

    init() {
        // Safe: an empty list of pointers.
        unsafe chunks = []
    }

    deinit {
        // Safe: each pointer came from `allocate` and is given back once; connections are trivial.
        for unsafe chunk in unsafe chunks { unsafe UnsafeMutableRawPointer(chunk).deallocate() }
    }

    subscript(slot: UInt32) -> Connection {
        // Safe: the precondition proves that the slot is inside an initialized part of a chunk.
        unsafeAddress {
            precondition(slot < slotCount, "a slot that was never given out")
            return unsafe UnsafePointer(
                chunks[Int(slot >> Self.chunkShift)] + Int(slot & UInt32(Self.chunkCount &- 1)))
        }
        // Safe: as above.
        unsafeMutableAddress {
            precondition(slot < slotCount, "a slot that was never given out")
            return unsafe chunks[Int(slot >> Self.chunkShift)] + Int(slot & UInt32(Self.chunkCount &- 1))
        }
    }

    /// Puts a connection into a free slot.
    mutating func insert(_ connection: Connection) -> UInt32 {
        if let slot = freeSlots.popLast() {
            let generation = self[slot].generation &+ 1
            self[slot] = connection
            self[slot].generation = generation
            return slot
        }
        let slot = slotCount
        let place = Int(slot & UInt32(Self.chunkCount &- 1))
        if place == 0 {
            let byteCount = Self.chunkCount &* MemoryLayout<Connection>.stride
            let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
            // Safe: raw memory for `chunkCount` connections, each initialized before its first use.
            unsafe chunks.append(memory.bindMemory(to: Connection.self, capacity: Self.chunkCount))
        }
        // Safe: `place` is below `chunkCount`, and the newest chunk is the slot's own.
        unsafe (chunks[Int(slot >> Self.chunkShift)] + place).initialize(to: connection)
        slotCount &+= 1
        return slot
    }

    mutating func free(_ slot: UInt32) { freeSlots.append(slot) }
}

/// Slots by hash: a word is `hash << 32 | slot + 1`, 0 where empty. Linear probing; removal
/// moves later entries back, so no tombstones pile up.
struct FlowIndex: Sendable {
    private var words = [UInt64](repeating: 0, count: 1 << 12)
    private(set) var count = 0

    /// Where a walk for `hash` starts.
    func start(_ hash: UInt32) -> Int { Int(hash) & (words.count &- 1) }
    func after(_ place: Int) -> Int { (place &+ 1) & (words.count &- 1) }
    /// The word at a place of a walk.
    func word(_ place: Int) -> UInt64 { words[place] }

    mutating func insert(_ hash: UInt32, slot: UInt32) {
        if count &* 2 >= words.count { grow() }
        put(UInt64(hash) << 32 | UInt64(slot &+ 1))
        count &+= 1
    }

    mutating func remove(_ hash: UInt32, slot: UInt32) {
        let wanted = UInt64(hash) << 32 | UInt64(slot &+ 1)
        var hole = start(hash)
        while words[hole] != wanted {
            if words[hole] == 0 { return }
            hole = after(hole)
        }
        count &-= 1
        var place = after(hole)
        while words[place] != 0 {
            let home = start(UInt32(truncatingIfNeeded: words[place] >> 32))
            // An entry may go back to the hole if its home is not between the hole and itself.
            let isBetween = hole <= place ? hole < home && home <= place : hole < home || home <= place
            if !isBetween {
                words[hole] = words[place]
                hole = place
            }
            place = after(place)
        }
        words[hole] = 0
    }

    private mutating func put(_ word: UInt64) {
        var place = start(UInt32(truncatingIfNeeded: word >> 32))
        while words[place] != 0 { place = after(place) }
        words[place] = word
    }

    private mutating func grow() {
        let old = words
        words = [UInt64](repeating: 0, count: old.count &* 2)
        for word in old where word != 0 { put(word) }
    }
}
