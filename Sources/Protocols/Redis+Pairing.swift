// SPDX-License-Identifier: Apache-2.0
//
// Which reply of a Redis server answers which command.
//
// Reads   commands and replies in their order, with what changes the count of replies.
// Writes  one `RedisRecord` for each command.
// Leaves  the wire form of both (Redis.swift).

import Records
import Wire

/// The n-th reply answers the n-th command, but for commands that have none and
/// values that the server sends unasked. A reply is written after all older commands.
struct RedisPairing {
    /// What CLIENT REPLY says of the replies to come.
    enum ReplyMark {
        case none
        case on
        case off
        case skip

        init(_ word: RawSpan) {
            if word.byteCount == 2, word.matches("on", at: 0, count: 2, anyCase: true) {
                self = .on
            } else if word.byteCount == 3, word.matches("off", at: 0, count: 3, anyCase: true) {
                self = .off
            } else if word.byteCount == 4, word.matches("skip", at: 0, count: 4, anyCase: true) {
                self = .skip
            } else {
                self = .none
            }
        }
    }

    /// A command, a reply, or both, not yet written.
    private struct Slot {
        var record = RedisRecord()
        var isUsed = false
        var hasCommand = false
        /// No reply will come.
        var isSilent = false
    }

    /// Commands `begin ..< end` have no replies; no end yet for nil.
    private struct Silence {
        var begin: Int
        var end: Int?
    }

    /// Slots that are kept for the next connection.
    private static let keptSlotsMax = 64
    /// Octets of texts that a slot keeps for it.
    private static let keptBytesMax = 1024
    /// Silences that are remembered; older ones are over.
    private static let silencesMax = 64

    /// Speaks version 3: pushes have a type of their own.
    var isVersion3 = false
    private var isSubscribed = false
    private var commandNumber = 0
    private var replyNumber = 0
    /// Slots in a ring: `first` is the place of number `base`.
    private var slots: [Slot] = []
    private var first = 0
    private var base = 1
    private var count = 0
    /// Slots that are not yet written.
    private(set) var used = 0
    private var silences: [Silence] = []

    mutating func reset() {
        if slots.count > RedisPairing.keptSlotsMax { slots = [] }
        for index in slots.indices {
            slots[index].isUsed = false
            if slots[index].record.text.bytes.capacity > RedisPairing.keptBytesMax {
                slots[index].record.text = TextBuffer()
            }
        }
        (isVersion3, isSubscribed) = (false, false)
        (commandNumber, replyNumber, first, base, count, used) = (0, 0, 0, 1, 0, 0)
        silences.removeAll(keepingCapacity: true)
    }

    // MARK: commands

    /// Takes a command; false where it is dropped.
    mutating func beginCommand(
        _ role: RedisCommand.Role?, _ mark: ReplyMark, _ context: inout AnalyzerContext
    ) -> Bool {
        guard used <= Redis.pendingMax else {
            context.weird(.Redis_excessive_pipelining, source: "")
            reset()
            return false
        }
        commandNumber &+= 1
        guard let place = place(commandNumber, &context) else { return false }
        slots[place].hasCommand = true
        if let role {
            if !isVersion3 { isSubscribed = role == .subscribe }
            slots[place].isSilent = role == .subscribe || role == .unsubscribe || isSubscribed
        }
        let isOpen = silences.last.map { $0.end == nil } ?? false
        switch mark {
        case .on: if isOpen { silences[silences.count &- 1].end = commandNumber }
        case .off: if !isOpen { add(Silence(begin: commandNumber, end: nil)) }
        case .skip: if !isOpen { add(Silence(begin: commandNumber, end: commandNumber &+ 2)) }
        case .none: break
        }
        return true
    }

    /// Has the words of the command that has begun written into its record.
    mutating func fill(_ write: (inout RedisRecord) -> Void) {
        guard let place = existing(commandNumber) else { return }
        write(&slots[place].record)
    }

    private mutating func add(_ silence: Silence) {
        let answered = replyNumber
        silences.removeAll { ($0.end ?? .max) <= answered }
        if silences.count < RedisPairing.silencesMax { silences.append(silence) }
    }

    // MARK: replies

    mutating func reply(_ reply: borrowing RedisReply, _ context: inout AnalyzerContext) {
        if reply.isVersion3 {
            isVersion3 = true
            isSubscribed = false
        }
        guard !reply.isPush, reply.isError || !isSubscribed else { return }
        let previous = replyNumber
        replyNumber = nextReplyNumber()
        guard let place = place(replyNumber, &context) else { return }
        slots[place].record.success = !reply.isError
        slots[place].record.reply = slots[place].record.text.add(reply.all, of: reply.text)
        RedisPairing.noteVersion(slots[place].record, &context)
        // Older ones that wait will not be answered any more.
        for number in max(1, previous)...replyNumber { write(number, &context) }
        if commandNumber == replyNumber { for index in slots.indices { slots[index].isSilent = false } }
        drop()
    }

    /// INFO tells the server's version in a line of its own, `redis_version:7.0.15`.
    private static func noteVersion(_ record: RedisRecord, _ context: inout AnalyzerContext) {
        let name = Array(record.text[record.name])
        guard name.octets.isText("INFO") else { return }
        let reply = Array(record.text[record.reply])
        let key: StaticString = "redis_version:"
        guard let start = RDP.find(key, in: reply.octets).map({ $0 &+ key.utf8CodeUnitCount }) else { return }
        let end = reply[start...].firstIndex { $0 < 0x20 || $0 == 0x5C } ?? reply.count
        context.software(.redisServer, reply[start..<end].octets, of: context.id.responder)
    }

    private mutating func nextReplyNumber() -> Int {
        var number = replyNumber &+ 1
        let next = number
        for silence in silences {
            if let end = silence.end, next >= silence.begin, next < end { number = end }
        }
        while let place = existing(number), slots[place].isSilent {
            slots[place].isSilent = false
            number &+= 1
        }
        return number
    }

    /// Everything that waits, at the end; only where the server has ever answered.
    mutating func flush(_ context: inout AnalyzerContext) {
        guard replyNumber > 0 else { return }
        for number in base ..< base &+ count {
            guard let place = existing(number) else { continue }
            context.output.emit(slots[place].record)
            slots[place].isUsed = false
        }
        (count, used) = (0, 0)
    }

    private mutating func write(_ number: Int, _ context: inout AnalyzerContext) {
        guard let place = existing(number), slots[place].hasCommand else { return }
        context.output.emit(slots[place].record)
        slots[place].isUsed = false
        used &-= 1
    }

    // MARK: the ring

    private func existing(_ number: Int) -> Int? {
        guard number >= base, number < base &+ count else { return nil }
        let place = (first &+ number &- base) % slots.count
        return slots[place].isUsed ? place : nil
    }

    /// The slot of a number, a new one if need be.
    private mutating func place(_ number: Int, _ context: inout AnalyzerContext) -> Int? {
        if let place = existing(number) { return place }
        // Numbers between are of commands that are not there: at most what may wait.
        guard number >= base, number &- base <= 2 &* Redis.pendingMax else { return nil }
        while count <= number &- base {
            if count == slots.count { grow() }
            slots[(first &+ count) % slots.count].isUsed = false
            count &+= 1
        }
        let place = (first &+ number &- base) % slots.count
        slots[place].isUsed = true
        slots[place].hasCommand = false
        slots[place].isSilent = false
        used &+= 1
        slots[place].record.text.clear()
        slots[place].record.ts = context.now
        slots[place].record.uid = context.uid
        slots[place].record.id = context.id
        slots[place].record.name = .absent
        slots[place].record.key = .absent
        slots[place].record.value = .absent
        slots[place].record.success = nil
        slots[place].record.reply = .absent
        return place
    }

    private mutating func grow() {
        var more: [Slot] = []
        more.reserveCapacity(max(8, slots.count &* 2))
        for index in slots.indices { more.append(slots[(first &+ index) % slots.count]) }
        while more.count < max(8, slots.count &* 2) { more.append(Slot()) }
        slots = more
        first = 0
    }

    /// Lets go of what is written, from the oldest on.
    private mutating func drop() {
        while count > 0, !slots[first].isUsed {
            first = (first &+ 1) % slots.count
            base &+= 1
            count &-= 1
        }
    }
}

/// The commands that mean something here.
struct RedisCommand: Sendable {
    enum Role: Sendable {
        case other
        case client
        case hello
        case subscribe
        case unsubscribe
    }

    let name: StaticString
    /// Which word is the key, and which the value, from 0 for the name.
    let key: Int?
    let value: Int?
    let role: Role

    private init(_ name: StaticString, key: Int? = nil, value: Int? = nil, _ role: Role = .other) {
        (self.name, self.key, self.value, self.role) = (name, key, value, role)
    }

    /// The command of a name in any case.
    static func find(_ name: RawSpan) -> RedisCommand? {
        for index in all.indices {
            let count = all[index].name.utf8CodeUnitCount
            guard count == name.byteCount else { continue }
            if name.matches(all[index].name, at: 0, count: count, anyCase: true) { return all[index] }
        }
        return nil
    }

    /// The most frequent first.
    private static let all: [RedisCommand] = [
        RedisCommand("get", key: 1), RedisCommand("set", key: 1, value: 2), RedisCommand("hget", key: 1, value: 2),
        RedisCommand("hset", key: 1), RedisCommand("del", key: 1), RedisCommand("expire", key: 1, value: 2),
        RedisCommand("incr", key: 1), RedisCommand("exists", key: 1), RedisCommand("mget", key: 1),
        RedisCommand("append", key: 1, value: 2), RedisCommand("auth"), RedisCommand("bitcount", key: 1),
        RedisCommand("bitfield", key: 1), RedisCommand("bitfield_ro", key: 1), RedisCommand("bitop", key: 2),
        RedisCommand("bitpos", key: 1), RedisCommand("blmpop", key: 3), RedisCommand("blpop", key: 1),
        RedisCommand("brpop", key: 1), RedisCommand("client", .client), RedisCommand("copy", key: 1),
        RedisCommand("decr", key: 1), RedisCommand("decrby", key: 1, value: 2), RedisCommand("dump", key: 1),
        RedisCommand("expireat", key: 1, value: 2), RedisCommand("expiretime", key: 1),
        RedisCommand("getbit", key: 1, value: 2), RedisCommand("getdel", key: 1), RedisCommand("getex", key: 1),
        RedisCommand("getrange", key: 1), RedisCommand("getset", key: 1, value: 2),
        RedisCommand("hdel", key: 1, value: 2), RedisCommand("hello", .hello),
        RedisCommand("incrby", key: 1, value: 2), RedisCommand("keys", key: 1),
        RedisCommand("move", key: 1, value: 2), RedisCommand("mset", key: 1, value: 2),
        RedisCommand("persist", key: 1), RedisCommand("psubscribe", .subscribe),
        RedisCommand("punsubscribe", .unsubscribe), RedisCommand("quit"), RedisCommand("rename", key: 1, value: 2),
        RedisCommand("reset"), RedisCommand("ssubscribe", .subscribe), RedisCommand("strlen", key: 1),
        RedisCommand("subscribe", .subscribe), RedisCommand("sunsubscribe", .unsubscribe),
        RedisCommand("ttl", key: 1), RedisCommand("type", key: 1), RedisCommand("unsubscribe", .unsubscribe),
    ]
}
