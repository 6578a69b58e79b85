// SPDX-License-Identifier: Apache-2.0
//
// Rows of one log, on their way from the worker that made them to the writers.
//
// Reads   records, through `LogRecord.write`.
// Writes  fixed rows of 64-bit words, and one arena of octets for texts and lists.
// Leaves  order between workers (the collector), encoding (log writers, store).

/// Rows of one log. A row is `stride` words: two words of order, one of
/// presence bits, then the cells in column order.
///
///     word 0   number of the packet that made the row, and the phase
///     word 1   ordinal of the connection in the low 56 bits, its IP protocol number in the top 8
///              (0 where the row names none); then emission order by position
///     word 2   bit n: column n is set
///     word 3…  cells: address two words, everything else one
///
/// A text cell is `offset << 32 | count` into `bytes`. A list cell is
/// `offset << 32 | element count`; its elements stand at `offset`, texts as four
/// octets of length and the octets, addresses as 16 octets, all else as 8,
/// little-endian.
@frozen @usableFromInline package struct RowBatch: Sendable {
    /// Rows, one behind the other, and behind the last one memory for more.
    @usableFromInline package internal(set) var words: [UInt64] = []
    /// Texts and lists: `usedBytes` octets, and behind them memory for more.
    @usableFromInline package internal(set) var bytes: [UInt8] = []
    @usableFromInline package internal(set) var count = 0
    @usableFromInline var usedBytes = 0
    @usableFromInline package let log: LogID
    @usableFromInline var stride: Int
    @usableFromInline var cursor = 0
    @usableFromInline var bit: UInt64 = 1
    @usableFromInline var present: UInt64 = 0
    @usableFromInline var describing = false
    /// Whether a text of the row at work was cut.
    @usableFromInline var isCut = false
    @usableFromInline var cutCount: UInt64 = 0
    package private(set) var described: [Column] = []

    @usableFromInline package static var headerWords: Int { 3 }
    @usableFromInline package static var ordinalMask: UInt64 { 1 << 56 &- 1 }

    package init(_ schema: LogSchema) {
        log = schema.log
        stride = schema.stride
    }

    /// A batch that collects columns instead of values.
    init(describing log: LogID) {
        self.log = log
        stride = 0
        describing = true
        cursor = RowBatch.headerWords
    }

    var describedStride: Int { cursor }

    /// Octets held, for deciding when to hand the batch on.
    @inlinable package var byteCount: Int { count &* stride &* 8 &+ usedBytes }
    @inlinable package var isEmpty: Bool { count == 0 }

    /// Forgets the rows, keeps the memory up to a bound.
    package mutating func clear() {
        count = 0
        usedBytes = 0
        if words.count &* 8 > RowBatch.keptBytesMax { words = [] }
        if bytes.count > RowBatch.keptBytesMax { bytes = [] }
    }

    /// Octets of words, and of texts, that an empty batch keeps.
    private static let keptBytesMax = 4 << 20

    /// Rows since the last time of which a text was cut (`TextBuffer.textBytesMax`, `bytesMax`).
    package mutating func takeCutCount() -> UInt64 {
        defer { cutCount = 0 }
        return cutCount
    }

    // MARK: writing

    /// Opens a row, has the record fill it, and closes it.
    @inlinable
    package mutating func append<Record: LogRecord>(_ record: borrowing Record, order: UInt64, ordinal: UInt64) {
        let start = count &* stride
        if words.count &- start < stride { makeRoomForRows() }
        words[start] = order
        words[start &+ 1] = ordinal & RowBatch.ordinalMask
        cursor = start &+ RowBatch.headerWords
        bit = 1
        present = 0
        record.write(to: &self)
        words[start &+ 2] = present
        count &+= 1
        guard isCut else { return }
        isCut = false
        cutCount &+= 1
    }

    /// Appends a row of another batch of the same log, texts and lists included.
    package mutating func append(row: Int, of other: borrowing RowBatch, schema: LogSchema) {
        precondition(log == other.log, "rows of two logs in one batch")
        let start = count &* stride
        if words.count &- start < stride { makeRoomForRows() }
        let source = row &* other.stride
        for word in 0..<stride { words[start &+ word] = other.words[source &+ word] }
        for (index, column) in schema.columns.enumerated() where words[start &+ 2] & (1 << UInt64(index)) != 0 {
            let place = start &+ column.wordOffset
            switch column.kind {
            case .text, .enumeration:
                let cell = words[place]
                let from = Int(cell >> 32)
                words[place] = UInt64(usedBytes) << 32 | cell & 0xFFFF_FFFF
                copy(other.bytes, from, Int(cell & 0xFFFF_FFFF))
            case _ where column.kind.isList:
                let range = other.listRange(words[place], column.kind)
                words[place] = UInt64(usedBytes) << 32 | words[place] & 0xFFFF_FFFF
                copy(other.bytes, range.lowerBound, range.count)
            default: break
            }
        }
        count &+= 1
    }

    @inline(never) @usableFromInline
    mutating func makeRoomForRows() {
        words.append(contentsOf: repeatElement(0, count: max(words.count, 64 &* stride)))
    }

    @inline(never) @usableFromInline
    mutating func makeRoomForBytes(_ byteCount: Int) {
        bytes.append(contentsOf: repeatElement(0, count: max(bytes.count, byteCount, 4096)))
    }

    /// Appends `byteCount` octets of `source`, from the place `from` on.
    @inlinable mutating func copy(_ source: borrowing [UInt8], _ from: Int, _ byteCount: Int) {
        precondition(from >= 0 && byteCount >= 0 && byteCount <= source.count &- from, "a text outside of its buffer")
        guard byteCount > 0 else { return }
        // Safe: the precondition proves that the octets are there.
        unsafe source.withUnsafeBytes { unsafe copy(UnsafeRawBufferPointer(rebasing: $0[from ..< from &+ byteCount])) }
    }

    @inlinable mutating func copy(_ source: UnsafeRawBufferPointer) {
        if bytes.count &- usedBytes < source.count { makeRoomForBytes(source.count) }
        let start = usedBytes
        // Safe: the line above has made room behind `start`.
        unsafe bytes.withUnsafeMutableBytes { target in
            unsafe UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: source)
        }
        usedBytes &+= source.count
    }

    @inlinable mutating func skip(_ wordCount: Int) {
        // The memory may have held another row.
        for _ in 0..<wordCount {
            words[cursor] = 0
            cursor &+= 1
        }
        bit &<<= 1
    }

    @inlinable mutating func put(_ word: UInt64) {
        words[cursor] = word
        cursor &+= 1
        present |= bit
        bit &<<= 1
    }

    @inline(never) @usableFromInline
    mutating func describe(
        _ name: StaticString, _ kind: ColumnKind, _ doc: StaticString, isKey: Bool = false, isVerbatim: Bool = false
    ) {
        described.append(
            Column(
                name: name.description, doc: doc.description, kind: kind, wordOffset: cursor,
                isKey: isKey || kind == .address || kind == .uid || kind == .fuid, isVerbatim: isVerbatim))
        precondition(described.count <= 64, "a log has at most 64 columns")
        cursor &+= kind.wordCount
    }

    // MARK: cells

    @inlinable package mutating func time(_ name: StaticString, _ value: Timestamp?, _ doc: StaticString) {
        if describing { return describe(name, .time, doc) }
        guard let value else { return skip(1) }
        put(UInt64(bitPattern: value.nanoseconds))
    }

    /// A duration in nanoseconds.
    @inlinable package mutating func interval(_ name: StaticString, _ value: Int64?, _ doc: StaticString) {
        if describing { return describe(name, .interval, doc) }
        guard let value else { return skip(1) }
        put(UInt64(bitPattern: value))
    }

    @inlinable package mutating func count(_ name: StaticString, _ value: UInt64?, _ doc: StaticString) {
        if describing { return describe(name, .count, doc) }
        guard let value else { return skip(1) }
        put(value)
    }

    @inlinable package mutating func integer(_ name: StaticString, _ value: Int64?, _ doc: StaticString) {
        if describing { return describe(name, .integer, doc) }
        guard let value else { return skip(1) }
        put(UInt64(bitPattern: value))
    }

    @inlinable package mutating func real(_ name: StaticString, _ value: Double?, _ doc: StaticString) {
        if describing { return describe(name, .real, doc) }
        guard let value else { return skip(1) }
        put(value.bitPattern)
    }

    @inlinable package mutating func boolean(_ name: StaticString, _ value: Bool?, _ doc: StaticString) {
        if describing { return describe(name, .boolean, doc) }
        guard let value else { return skip(1) }
        put(value ? 1 : 0)
    }

    @inlinable package mutating func port(_ name: StaticString, _ value: UInt16?, _ doc: StaticString) {
        if describing { return describe(name, .port, doc) }
        guard let value else { return skip(1) }
        put(UInt64(value))
    }

    @inlinable package mutating func address(_ name: StaticString, _ value: Address?, _ doc: StaticString) {
        if describing { return describe(name, .address, doc) }
        guard let value else { return skip(2) }
        words[cursor] = value.high
        cursor &+= 1
        put(value.low)
    }

    @inlinable package mutating func uid(_ name: StaticString, _ value: UID?, _ doc: StaticString) {
        if describing { return describe(name, .uid, doc) }
        guard let value else { return skip(1) }
        put(value.value)
    }

    @inlinable package mutating func fuid(_ name: StaticString, _ value: UID?, _ doc: StaticString) {
        if describing { return describe(name, .fuid, doc) }
        guard let value else { return skip(1) }
        put(value.value)
    }

    /// A text out of `buffer`; `isKey` where questions look for single values of it.
    @inlinable package mutating func text(
        _ name: StaticString, _ value: Text, in buffer: borrowing TextBuffer, _ doc: StaticString,
        isKey: Bool = false
    ) {
        if describing { return describe(name, .text, doc, isKey: isKey) }
        guard !value.isAbsent else { return skip(1) }
        let start = UInt64(usedBytes)
        copy(buffer.bytes, Int(value.offset), Int(value.count))
        if value.count >= TextBuffer.textBytesMax || buffer.bytes.count >= TextBuffer.bytesMax { isCut = true }
        put(start << 32 | UInt64(value.count))
    }

    /// A text that is valid UTF-8 and that the store keeps octet for octet.
    @inlinable package mutating func verbatim(
        _ name: StaticString, _ value: Text, in buffer: borrowing TextBuffer, _ doc: StaticString
    ) {
        if describing { return describe(name, .text, doc, isVerbatim: true) }
        text(name, value, in: buffer, doc)
    }

    /// A text of a fixed set.
    @inlinable package mutating func text(_ name: StaticString, _ value: StaticString?, _ doc: StaticString) {
        if describing { return describe(name, .text, doc) }
        putLiteral(value)
    }

    @inlinable package mutating func enumeration(_ name: StaticString, _ value: StaticString?, _ doc: StaticString) {
        if describing { return describe(name, .enumeration, doc) }
        putLiteral(value)
    }

    @inline(never) @usableFromInline mutating func putLiteral(_ value: StaticString?) {
        guard let value else { return skip(1) }
        let start = UInt64(usedBytes)
        let count = value.utf8CodeUnitCount
        // Safe: a literal's octets live as long as the program, and `count` is their number.
        unsafe copy(UnsafeRawBufferPointer(start: value.utf8Start, count: count))
        put(start << 32 | UInt64(count))
    }

    // MARK: lists; nil is unset, an empty list is a set and empty cell

    @inlinable package mutating func textSet(
        _ name: StaticString, _ values: [Text]?, in buffer: borrowing TextBuffer, _ doc: StaticString
    ) {
        if describing { return describe(name, .textSet, doc) }
        putTexts(values, in: buffer)
    }

    @inlinable package mutating func textVector(
        _ name: StaticString, _ values: [Text]?, in buffer: borrowing TextBuffer, _ doc: StaticString
    ) {
        if describing { return describe(name, .textVector, doc) }
        putTexts(values, in: buffer)
    }

    @inlinable package mutating func uidSet(_ name: StaticString, _ values: [UInt64]?, _ doc: StaticString) {
        if describing { return describe(name, .uidSet, doc) }
        putWords(values)
    }

    @inlinable package mutating func fuidVector(_ name: StaticString, _ values: [UInt64]?, _ doc: StaticString) {
        if describing { return describe(name, .fuidVector, doc) }
        putWords(values)
    }

    /// Durations in nanoseconds, as bit patterns.
    @inlinable package mutating func intervalVector(_ name: StaticString, _ values: [UInt64]?, _ doc: StaticString) {
        if describing { return describe(name, .intervalVector, doc) }
        putWords(values)
    }

    @inlinable package mutating func countVector(_ name: StaticString, _ values: [UInt64]?, _ doc: StaticString) {
        if describing { return describe(name, .countVector, doc) }
        putWords(values)
    }

    @inlinable package mutating func addressVector(_ name: StaticString, _ values: [Address]?, _ doc: StaticString) {
        if describing { return describe(name, .addressVector, doc) }
        guard let values else { return skip(1) }
        let start = UInt64(usedBytes)
        for value in values {
            append(word: value.high)
            append(word: value.low)
        }
        put(start << 32 | UInt64(values.count))
    }

    @inlinable mutating func putTexts(_ values: [Text]?, in buffer: borrowing TextBuffer) {
        guard let values else { return skip(1) }
        let start = UInt64(usedBytes)
        for value in values {
            let length = value.count.littleEndian
            // Safe: the octets of a local number, read during the call.
            unsafe withUnsafeBytes(of: length) { unsafe copy($0) }
            if !value.isAbsent { copy(buffer.bytes, Int(value.offset), Int(value.count)) }
        }
        if !values.isEmpty, buffer.bytes.count >= TextBuffer.bytesMax { isCut = true }
        put(start << 32 | UInt64(values.count))
    }

    @inlinable mutating func putWords(_ values: [UInt64]?) {
        guard let values else { return skip(1) }
        let start = UInt64(usedBytes)
        for value in values { append(word: value) }
        put(start << 32 | UInt64(values.count))
    }

    @inlinable mutating func append(word: UInt64) {
        let octets = word.littleEndian
        // Safe: the octets of a local number, read during the call.
        unsafe withUnsafeBytes(of: octets) { unsafe copy($0) }
    }

    /// Notes the transport of the row's connection in the row's header, which `community_id` needs.
    /// `connection` does it; a record that writes its `id` columns one by one calls it once.
    @inlinable package mutating func identify(_ id: ConnectionID?) {
        guard !describing, let id else { return }
        let place = count &* stride &+ 1
        words[place] = words[place] & RowBatch.ordinalMask | UInt64(id.protocolNumber) << 56
    }

    /// The six columns with which every record of a connection begins.
    @inlinable package mutating func connection(_ ts: Timestamp, _ uid: UID?, _ id: ConnectionID?) {
        identify(id)
        time("ts", ts, "When the first message of the record was seen.")
        self.uid("uid", uid, "Identity of the connection, the same in every log.")
        address("id.orig_h", id?.originator, "Address of the originator.")
        port("id.orig_p", id?.originatorPort, "Port of the originator; for ICMP the type.")
        address("id.resp_h", id?.responder, "Address of the responder.")
        port("id.resp_p", id?.responderPort, "Port of the responder; for ICMP the code or the answer's type.")
    }
}
