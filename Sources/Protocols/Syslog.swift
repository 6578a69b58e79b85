// SPDX-License-Identifier: Apache-2.0
//
// Syslog (RFC 3164, RFC 5424) over UDP (RFC 5426) and TCP (RFC 6587).
//
// Reads   one message per UDP datagram; octet-counted and line-ended messages of a TCP stream.
// Writes  log "syslog": a row per message.
// Leaves  what stands in the message after its priority.

package import Records
import Wire

/// The priority at the start of a message: `<`, digits, `>`.
struct SyslogPriority: Equatable {
    let value: UInt64
    /// Octets that it takes.
    let byteCount: Int

    /// Nil where the message does not begin with one.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= 3, bytes.octet(0) == 0x3C else { return nil }
        var value: UInt64 = 0
        var offset = 1
        while offset < bytes.byteCount, offset <= SyslogPriority.digitsMax {
            let digit = bytes.octet(offset) &- 0x30
            guard digit < 10 else { break }
            value = value &* 10 &+ UInt64(digit)
            offset &+= 1
        }
        guard offset > 1, offset < bytes.byteCount, bytes.octet(offset) == 0x3E else { return nil }
        self.value = value
        byteCount = offset &+ 1
    }

    /// Digits that surely fit 64 bits.
    private static let digitsMax = 19

    var severity: UInt8 { UInt8(truncatingIfNeeded: value & 7) }
    /// Seven bits, of which RFC 5424 names 24 values.
    var facility: UInt8 { UInt8(truncatingIfNeeded: value >> 3) & 0x7F }
}

/// A priority, and what stands behind it in either form of a message.
enum SyslogProbe {
    private static let priorityMax = 191
    private static let months: [StaticString] = [
        "Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ", "Dec ",
    ]

    static func message(_ bytes: RawSpan) -> ProbeVerdict { message(bytes, at: 0) }

    /// The same, perhaps behind the count of its octets.
    static func stream(_ bytes: RawSpan) -> ProbeVerdict {
        var at = 0
        while at < bytes.byteCount, at < 5, HTTPOctets.isDigit(bytes.octet(at)) { at &+= 1 }
        guard at > 0 else { return message(bytes, at: 0) }
        guard at < bytes.byteCount else { return .needsMore }
        return bytes.octet(at) == 0x20 ? message(bytes, at: at &+ 1) : .never
    }

    private static func message(_ bytes: RawSpan, at start: Int) -> ProbeVerdict {
        guard start < bytes.byteCount else { return .needsMore }
        guard bytes.octet(start) == 0x3C else { return .never }
        var (at, value) = (start &+ 1, 0)
        while at < bytes.byteCount, at <= start &+ 3, HTTPOctets.isDigit(bytes.octet(at)) {
            value = value &* 10 &+ Int(bytes.octet(at) &- 0x30)
            at &+= 1
        }
        guard at < bytes.byteCount else { return .needsMore }
        guard at > start &+ 1, bytes.octet(at) == 0x3E, value <= priorityMax else { return .never }
        at &+= 1
        // Version 1, then a time or none (RFC 5424); or the name of a month (RFC 3164).
        var verdict = bytes.beginning(with: "1 ", at: at)
        if verdict == .matches {
            guard at &+ 2 < bytes.byteCount else { return .needsMore }
            let next = bytes.octet(at &+ 2)
            return next == 0x2D || HTTPOctets.isDigit(next) ? .matches : .never
        }
        for month in months {
            switch bytes.beginning(with: month, at: at) {
            case .matches: return .matches
            case .needsMore: verdict = .needsMore
            case .never: break
            }
        }
        return verdict
    }
}

/// One message.
package struct SyslogRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    /// A text where the number has no name.
    package var facilityNumber = Text.absent
    package var facility: StaticString?
    package var severity: StaticString?
    package var message = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.syslog
    package static let summary: StaticString = "One syslog message."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.enumeration("proto", id?.transport.name, "Transport of the connection.")
        if facilityNumber.isAbsent {
            row.text("facility", facility, "Part of the system that speaks.")
        } else {
            row.text("facility", facilityNumber, in: text, "Part of the system that speaks.")
        }
        row.text("severity", severity, "How bad it is.")
        row.text("message", message, in: text, "The message after its priority.")
    }

    /// Takes over a message with its priority, if it has one.
    fileprivate mutating func read(_ bytes: RawSpan) {
        text.clear()
        facilityNumber = .absent
        guard let priority = SyslogPriority(bytes) else {
            facility = "UNSPECIFIED"
            severity = "UNSPECIFIED"
            message = text.add(bytes)
            return
        }
        severity = SyslogRecord.severities[Int(priority.severity)]
        if Int(priority.facility) < SyslogRecord.facilities.count {
            facility = SyslogRecord.facilities[Int(priority.facility)]
        } else {
            let start = text.begin()
            text.append("?-")
            text.append(decimal: UInt64(priority.facility))
            facilityNumber = text.end(start)
        }
        message = text.add(bytes.extracting(priority.byteCount..<bytes.byteCount))
    }

    private static let severities: [StaticString] = [
        "EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG",
    ]
    private static let facilities: [StaticString] = [
        "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP", "NTP",
        "AUDIT", "ALERT", "CLOCK", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7",
    ]
}

/// Syslog on one connection; over TCP it has a service name of its own.
final class Syslog: Analyzer {
    private var record = SyslogRecord()
    /// TCP: one for each direction, empty on UDP.
    private var framings: [SyslogFraming] = []

    /// Octets of a message that are kept.
    static let messageBytesMax = 65_536

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        write(bytes, &context)
    }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if framings.isEmpty { framings.append(contentsOf: repeatElement(SyslogFraming(), count: 2)) }
        let side = Int(direction.rawValue)
        var position = 0
        while position < bytes.byteCount, !isDetached {
            position &+= framings[side].take(bytes.extracting(position..<bytes.byteCount))
            switch framings[side].state {
            case .counted where framings[side].isWhole: break
            case .ended where framings[side].isMessage: break
            case .ended, .broken:
                violation(&context)
                // A stream that is out of step is not found again.
                isDetached = true
                return
            default: continue
            }
            // Taken out for the call, so that no copy is made.
            var octets: [UInt8] = []
            swap(&octets, &framings[side].octets)
            write(octets.octets, &context)
            swap(&octets, &framings[side].octets)
            framings[side].restart()
        }
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        if context.id.transport == .tcp { isDetached = true }
    }

    override func reset() {
        super.reset()
        if !framings.isEmpty { framings = [] }
    }

    private func write(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.read(bytes)
        confirm(&context)
        context.output.emit(record)
    }
}

/// Finds the messages of a TCP direction: a length in digits, a blank and so many octets; or
/// a priority and text up to NUL, CR or LF (RFC 6587 section 3.4).
struct SyslogFraming {
    enum State: Equatable {
        case start
        case length
        case counted
        case line
        /// The end of a line was met.
        case ended
        case broken
    }

    /// The message so far, at most `Syslog.messageBytesMax` octets of it.
    var octets: [UInt8] = []
    private(set) var state = State.start
    private var length = 0
    /// More line ends may follow.
    private var isAfterLine = false

    var isWhole: Bool { length == 0 }
    /// A line needs a priority, and something after it.
    var isMessage: Bool {
        guard let priority = SyslogPriority(octets.octets) else { return false }
        return octets.count > priority.byteCount
    }

    /// Takes up to one message from `bytes`; returns how many octets it took.
    mutating func take(_ bytes: RawSpan) -> Int {
        var position = 0
        while position < bytes.byteCount {
            switch state {
            case .start, .length:
                step(bytes.octet(position))
                position &+= 1
                if state == .counted, isWhole { return position }
            case .counted:
                let count = min(length, bytes.byteCount &- position)
                keep(bytes.extracting(position ..< position &+ count))
                length &-= count
                return position &+ count
            case .line:
                let start = position
                while position < bytes.byteCount, !SyslogFraming.isLineEnd(bytes.octet(position)) { position &+= 1 }
                keep(bytes.extracting(start..<position))
                guard position < bytes.byteCount else { return position }
                state = .ended
                return position &+ 1
            case .ended, .broken: return position
            }
        }
        return position
    }

    mutating func restart() {
        isAfterLine = state == .ended
        state = .start
        length = 0
        if octets.capacity > SyslogFraming.keptBytesMax { octets = [] }
        octets.removeAll(keepingCapacity: true)
    }

    private mutating func step(_ octet: UInt8) {
        let digit = octet &- 0x30
        if state == .start {
            if octet == 0x3C {
                octets.append(octet)
                state = .line
            } else if (1...9).contains(digit) {
                length = Int(digit)
                state = .length
            } else if !isAfterLine || !SyslogFraming.isLineEnd(octet) {
                state = .broken
            }
        } else if octet == 0x20 {
            state = .counted
        } else if digit < 10, length < SyslogFraming.lengthMax {
            length = length &* 10 &+ Int(digit)
        } else {
            state = .broken
        }
    }

    private mutating func keep(_ bytes: RawSpan) {
        let room = Syslog.messageBytesMax &- octets.count
        bytes.extracting(0..<min(bytes.byteCount, max(room, 0))).append(to: &octets)
    }

    private static func isLineEnd(_ octet: UInt8) -> Bool { octet == 0 || octet == 0x0A || octet == 0x0D }
    /// A length that may take another digit.
    private static let lengthMax = 100_000_000
    private static let keptBytesMax = 8192
}
