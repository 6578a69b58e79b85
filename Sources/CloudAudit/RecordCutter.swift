// SPDX-License-Identifier: Apache-2.0
//
// Cuts the octets of a file into records, whatever stands between them.
//
// Reads   JSON objects one behind the other, on lines, in arrays, in envelopes that hold an array of records; rows of
//         a table.
// Writes  each record as a JSON value, each damaged stretch with its place and reason.
// Leaves  what the records are (CloudShape.swift).
//
// A damaged record never takes its neighbours along: behind an error the next object that is a record of a known
// shape goes on, wherever in the damaged octets it begins.

package import Archive
package import JSON

/// What a file holds at one place.
package enum CloudPiece {
    /// A whole JSON object. `offset` counts from the start of the unpacked file.
    case record(JSONValue, offset: Int)
    case damaged(DamagedStretch)
}

/// Octets that are no record.
package struct DamagedStretch {
    package var offset: Int
    package var length = 0
    package var reason: String
    /// The first octets, `CloudLimits.recordBytesMax` at most.
    package var octets: [UInt8] = []
    /// The file ends inside it: a record that is still being written, or a cut file.
    package var isUnfinished = false
}

/// The records of one file, in order.
package final class RecordCutter {
    private let file: PackedFile
    private var buffer: [UInt8] = []
    private var position = 0
    /// Where `buffer` begins in the unpacked file.
    private var base: Int
    /// Envelopes and arrays that are open around the records.
    private var isInside = false
    private let document = JSONDocument(limits: CloudLimits.json)
    private let probe = JSONDocument(limits: CloudLimits.json)

    /// Octets that may be read in vain while a damaged stretch is searched for the next record.
    private static let vainBytesMax = 32 << 20

    /// Whether the file is a table (CSV), and its columns once they were read.
    private let isTable: Bool
    private var table: CloudTable?

    /// Opens a file; nil where it cannot be opened. Of a plain file what stands before `offset` is left out.
    ///
    /// - Parameter member: of a zip archive the file that is meant.
    package convenience init?(path: String, offset: Int = 0) {
        self.init(path: path, offset: offset, member: nil, limits: CloudLimits.packed)
    }

    init?(path: String, offset: Int, member: ZipMember?, limits: PackedLimits) {
        let name = (member?.name ?? path).lowercased()
        isTable = name.hasSuffix(".csv") || name.hasSuffix(".csv.gz")
        let start = isTable ? 0 : offset
        guard let file = PackedFile(path: path, offset: start, member: member, limits: limits) else { return nil }
        self.file = file
        base = file.isPacked ? 0 : start
        isInside = !file.isPacked && start > 0
    }

    /// Whether reading can go on in the file where it ended: not in a packed one, and not without a table's first line.
    var isResumable: Bool { !file.isPacked && !isTable }
    package var damage: PackedDamage? { file.damage }
    /// Octets that were unpacked so far.
    var plainCount: Int { file.plainCount }
    /// Where the next piece begins: everything before has been given.
    package var offset: Int { base + position }

    /// The next record or damaged stretch; nil at the end. A record's value holds until the next call.
    package func next() -> CloudPiece? {
        if isTable { return nextRow() }
        while true {
            skipStructure()
            guard position < buffer.count else {
                if !refill() { return nil }
                continue
            }
            if buffer[position] == 0x7B {
                if enterEnvelope() { continue }
                return record()
            }
            if isInside, skipScalar() { continue }
            return .damaged(damaged("is no JSON object"))
        }
    }

    // MARK: the buffer

    /// Brings more octets; false at the file's end.
    private func refill() -> Bool {
        guard !file.hasEnded else { return false }
        // Values must not keep the buffer, or changing it would copy it.
        document.clear()
        probe.clear()
        if position > 0 {
            buffer.removeFirst(position)
            base += position
            position = 0
        }
        let before = buffer.count
        while buffer.count == before, !file.hasEnded { file.fill(&buffer) }
        return buffer.count > before
    }

    private func skipStructure() {
        while position < buffer.count {
            switch buffer[position] {
            case 0x20, 0x09, 0x0A, 0x0D, 0x2C, 0x1E: break
            case 0x5B: isInside = true
            case 0x5D, 0x7D, 0x3A: guard isInside else { return }
            case 0xEF where base + position == 0: guard skipMark() else { return }
            default: return
            }
            position += 1
        }
    }

    /// A byte order mark at the start of the file.
    private func skipMark() -> Bool {
        guard buffer.count >= 3, buffer[1] == 0xBB, buffer[2] == 0xBF else { return false }
        position += 2
        return true
    }

    /// A key or a plain value beside the records of an envelope.
    private func skipScalar() -> Bool {
        guard buffer[position] != 0x7B else { return false }
        while true {
            do throws(JSONError) {
                position = try probe.readPrefix(buffer, window(position))
                return true
            } catch {
                guard error.reason == .truncated, canGrow(position), refill() else { return false }
            }
        }
    }

    private func window(_ start: Int) -> Range<Int> {
        start..<min(buffer.count, start + CloudLimits.recordBytesMax)
    }

    /// Whether what begins at `start` may go on behind the buffer's end.
    private func canGrow(_ start: Int) -> Bool {
        buffer.count - start < CloudLimits.recordBytesMax && !file.hasEnded
    }

    // MARK: tables

    /// The next row of a table; the first line names its columns.
    private func nextRow() -> CloudPiece? {
        while true {
            if position == buffer.count, !refill() { return nil }
            let end: Int
            switch rowEnd() {
            case .row(let place): end = place
            case .tooLong:
                return .damaged(line("is a row of more than \(CloudLimits.recordBytesMax) octets"))
            case .open:
                // A lost quotation mark must not take the rows behind it along.
                let isLast = !buffer[position...].dropLast().contains(0x0A)
                return .damaged(
                    isLast
                        ? stretch("ends inside a row", .max, isUnfinished: true)
                        : line("has a quotation mark that is not closed"))
            }
            let row = buffer[position..<end]
            let isBlank = row.allSatisfy { $0 <= 0x20 || $0 == 0x2C }
            if isBlank {
                position = end
                continue
            }
            guard let table else {
                guard let found = CloudTable(row) else {
                    return .damaged(stretch("is a table whose columns are none of an audit log", .max))
                }
                table = found
                position = end
                continue
            }
            guard !table.holdsRow(row) else {
                return .damaged(line("has a quotation mark that is not closed"))
            }
            do throws(CloudTable.Refusal) {
                let octets = try table.object(row)
                do throws(JSONError) { try document.read(octets) } catch { throw CloudTable.Refusal(error.sentence) }
                let offset = base + position
                position = end
                return .record(document.root, offset: offset)
            } catch {
                // Of several lines that are no row together the first is the one with the lost mark.
                return .damaged(line(error.reason))
            }
        }
    }

    private enum RowEnd {
        /// Behind the row.
        case row(Int)
        /// It is longer than a record may be.
        case tooLong
        /// The file ends inside a quoted value.
        case open
    }

    /// Where the row that begins at `position` ends, by the quotation marks as `CloudTable` reads them.
    private func rowEnd() -> RowEnd {
        var place = position
        var marks = QuotationMarks()
        while true {
            while place < buffer.count {
                place += 1
                if marks.isLineEnd(buffer[place - 1]) { return .row(place) }
            }
            guard place - position < CloudLimits.recordBytesMax else { return .tooLong }
            let scanned = place - position
            guard refill() else { return marks.isQuoted ? .open : .row(buffer.count) }
            place = position + scanned
        }
    }

    /// Takes octets as damage up to the next line end, whatever is quoted.
    private func line(_ reason: String) -> DamagedStretch {
        var stretch = DamagedStretch(offset: base + position, reason: reason)
        repeat {
            if let end = buffer[position...].firstIndex(of: 0x0A) {
                keep(&stretch, upTo: end + 1)
                return stretch
            }
            keep(&stretch, upTo: buffer.count)
        } while refill()
        return stretch
    }

    /// Takes octets as damage up to `end`, or all that follow.
    private func stretch(_ reason: String, _ end: Int, isUnfinished: Bool = false) -> DamagedStretch {
        var stretch = DamagedStretch(offset: base + position, reason: reason)
        stretch.isUnfinished = isUnfinished
        keep(&stretch, upTo: end)
        while end == .max, refill() { keep(&stretch, upTo: .max) }
        return stretch
    }

    // MARK: envelopes

    private static let envelopes = JSONKeyTable(["Records", "records", "value", "items", "logEvents", "entries"])
    private static let envelopeMembersMax = 16

    /// Goes into `{"Records":[`, also behind a few plain members.
    private func enterEnvelope() -> Bool {
        while true {
            var place = position + 1
            var members = 0
            let outcome = envelopeArray(&place, &members)
            if let outcome {
                if outcome {
                    position = place
                    isInside = true
                }
                return outcome
            }
            guard canGrow(position), refill() else { return false }
        }
    }

    /// Whether an array of records begins at `place` or behind plain members; nil where octets are missing.
    private func envelopeArray(_ place: inout Int, _ members: inout Int) -> Bool? {
        while members < RecordCutter.envelopeMembersMax {
            guard let key = peek(&place) else { return nil }
            guard key == 0x22 else { return false }
            let start = place
            do throws(JSONError) { place = try probe.readPrefix(buffer, window(place)) } catch {
                return error.reason == .truncated ? nil : false
            }
            let name = start + 1..<place - 1
            guard let colon = peek(&place) else { return nil }
            guard colon == 0x3A else { return false }
            place += 1
            guard let first = peek(&place) else { return nil }
            if first == 0x5B, RecordCutter.envelopes.number(of: buffer, name) != nil {
                place += 1
                guard let element = peek(&place) else { return nil }
                return element == 0x7B || element == 0x5D
            }
            guard first != 0x5B, first != 0x7B else { return false }
            do throws(JSONError) { place = try probe.readPrefix(buffer, window(place)) } catch {
                return error.reason == .truncated ? nil : false
            }
            guard let comma = peek(&place) else { return nil }
            guard comma == 0x2C else { return false }
            place += 1
            members += 1
        }
        return false
    }

    /// The next octet that is no white space.
    private func peek(_ place: inout Int) -> UInt8? {
        while place < buffer.count, [0x20, 0x09, 0x0A, 0x0D].contains(buffer[place]) { place += 1 }
        return place < buffer.count ? buffer[place] : nil
    }

    // MARK: records

    private func record() -> CloudPiece {
        while true {
            do throws(JSONError) {
                let end = try document.readPrefix(buffer, window(position))
                let start = position
                position = end
                return .record(document.root, offset: base + start)
            } catch {
                guard error.reason == .truncated else { return .damaged(damaged(error.sentence)) }
                if canGrow(position), refill() { continue }
                if buffer.count - position >= CloudLimits.recordBytesMax {
                    return .damaged(damaged("is longer than \(CloudLimits.recordBytesMax) octets"))
                }
                return .damaged(damaged("ends inside a record", isUnfinished: true))
            }
        }
    }

    /// Takes octets up to the next record of a known shape, or to the end.
    private func damaged(_ reason: String, isUnfinished: Bool = false) -> DamagedStretch {
        var stretch = DamagedStretch(offset: base + position, reason: reason)
        var vain = 0
        var place = position + 1
        // The octet before a candidate that is no white space.
        var before = buffer[position]
        while true {
            if place >= buffer.count {
                keep(&stretch, upTo: place)
                guard refill() else { break }
                place = position
                continue
            }
            let octet = buffer[place]
            let isCandidate = octet == 0x7B && before != 0x3A && (vain < RecordCutter.vainBytesMax || before == 0x0A)
            if isCandidate {
                switch tryRecord(at: place) {
                case .found:
                    keep(&stretch, upTo: place)
                    return stretch
                case .other(let end): place = end - 1
                case .none(let read): vain += read
                case .incomplete:
                    keep(&stretch, upTo: place)
                    let isMore = refill()
                    place = position
                    if isMore { continue }
                }
            }
            if place < buffer.count {
                let octet = buffer[place]
                if octet == 0x0A || octet > 0x20 { before = octet }
            }
            place += 1
        }
        stretch.isUnfinished = isUnfinished
        return stretch
    }

    private enum Trial {
        case found, incomplete
        /// A whole object of no known shape, and where it ends.
        case other(Int)
        /// No JSON, and how much was read in vain.
        case none(Int)
    }

    private func tryRecord(at place: Int) -> Trial {
        do throws(JSONError) {
            let end = try probe.readPrefix(buffer, window(place))
            if let opened = OpenedRecord(probe.root), opened.shape != .other { return .found }
            return .other(end)
        } catch {
            if error.reason == .truncated, canGrow(place) { return .incomplete }
            return .none(max(error.offset - place, 1))
        }
    }

    /// Moves octets into the stretch.
    private func keep(_ stretch: inout DamagedStretch, upTo place: Int) {
        let end = min(place, buffer.count)
        let room = max(CloudLimits.recordBytesMax - stretch.octets.count, 0)
        stretch.octets.append(contentsOf: buffer[position..<min(end, position + room)])
        stretch.length += end - position
        position = end
    }
}
