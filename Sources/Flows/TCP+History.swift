// SPDX-License-Identifier: Apache-2.0
//
// The history of a connection: a letter for each kind of thing seen, upper case
// from the originator, lower case from the responder.
//
// Reads   flags, relative sequence numbers, lengths.
// Writes  letters, at most `History.lettersMax`.
// Leaves  letters beyond that: counted in `FlowCounters.historyCut`.

/// The letters so far, in place. Zeek's history has no bound; 40 letters are more than any
/// connection has but one that repeats SYN, FIN or RST with ever new sequence numbers.
struct History: BitwiseCopyable, Sendable {
    private(set) var letters = [40 of UInt8](repeating: 0)
    private(set) var count: UInt8 = 0

    static let lettersMax = 40
    static let flip: UInt8 = 0x5E

    /// Appends a letter; false where there is no place left.
    @discardableResult mutating func append(_ letter: UInt8) -> Bool {
        guard Int(count) < History.lettersMax else { return false }
        letters[Int(count)] = letter
        count &+= 1
        return true
    }

    /// Only a SYN with ACK of the originator was seen.
    var isLoneAnswer: Bool { count == 1 && letters[0] == 0x48 }

    /// The lone answer was the responder's: `^h`.
    mutating func correctLoneAnswer() {
        letters[0] = History.flip
        letters[1] = 0x68
        count = 2
    }

    /// `^?S[^HAFGIQ]*R`: the originator sent a SYN, then a RST, and nothing that shows a reply.
    var isAbandonedAttempt: Bool {
        var index = 0
        if count > 0, letters[0] == History.flip { index = 1 }
        guard index < Int(count), letters[index] == 0x53 else { return false }
        index &+= 1
        while index < Int(count) {
            switch letters[index] {
            case 0x52: return true
            case 0x48, 0x41, 0x46, 0x47, 0x49, 0x51: return false
            default: index &+= 1
            }
        }
        return false
    }
}

/// What a letter stands for: its bit in `historySeen`.
struct HistoryMark: OptionSet {
    let rawValue: UInt32
    static let syn = HistoryMark(rawValue: 1)
    static let fin = HistoryMark(rawValue: 2)
    static let rst = HistoryMark(rawValue: 4)
    static let finAndRST = HistoryMark(rawValue: 8)
    static let data = HistoryMark(rawValue: 16)
    static let ack = HistoryMark(rawValue: 32)
    static let severalFlags = HistoryMark(rawValue: 64)
}

/// Letters, upper case.
enum HistoryLetter {
    static let syn: UInt8 = 0x53
    static let answer: UInt8 = 0x48
    static let ack: UInt8 = 0x41
    static let data: UInt8 = 0x44
    static let fin: UInt8 = 0x46
    static let rst: UInt8 = 0x52
    static let inconsistent: UInt8 = 0x49
    static let severalFlags: UInt8 = 0x51
    static let limited: UInt8 = 0x58
}

/// What stands in the history by powers of ten; the raw value is the letter.
enum ScaledKind: UInt8 {
    case checksum = 0x43
    case gap = 0x47
    case retransmission = 0x54
    case zeroWindow = 0x57
}

extension Connection {
    /// Adds a letter in the case of `side`.
    mutating func addHistory(_ letter: UInt8, side: Int, _ work: inout FlowWork) {
        if !history.append(side == 0 ? letter : letter | 0x20) { work.counters.historyCut &+= 1 }
    }

    /// Adds a letter unless it stands already; answers whether it did.
    @discardableResult
    mutating func noteHistory(_ mark: HistoryMark, _ letter: UInt8, side: Int, _ work: inout FlowWork) -> Bool {
        let bit = mark.rawValue << UInt32(side &* 16)
        if historySeen & bit != 0 { return true }
        historySeen |= bit
        addHistory(letter, side: side, &work)
        return false
    }

    /// Notes one more of what comes often: its letter is added at the 1st, 10th, 100th and so on.
    mutating func noteScaled(_ kind: ScaledKind, side: Int, _ work: inout FlowWork) {
        let count: UInt32
        switch kind {
        case .retransmission:
            ends[side].retransmissions = Connection.increased(ends[side].retransmissions)
            count = ends[side].retransmissions
        case .zeroWindow:
            ends[side].zeroWindows = Connection.increased(ends[side].zeroWindows)
            count = ends[side].zeroWindows
        case .checksum:
            ends[side].badChecksums = Connection.increased(ends[side].badChecksums)
            count = ends[side].badChecksums
        case .gap:
            ends[side].gaps = Connection.increased(ends[side].gaps)
            count = ends[side].gaps
        }
        var power: UInt64 = 1
        while power < UInt64(count) { power &*= 10 }
        if power == UInt64(count) { addHistory(kind.rawValue, side: side, &work) }
    }

    private static func increased(_ count: UInt32) -> UInt32 { count == .max ? count : count &+ 1 }

    /// Notes a TCP segment. Answers its side, which a flip exchanges.
    ///
    /// SYN, FIN and RST stand again each time their place in sequence space differs from
    /// the last; data and acknowledgements stand once.
    mutating func noteSegment(_ segment: Segment, relative: UInt64, side: Int, _ work: inout FlowWork) -> Int {
        let control = segment.flags & (Segment.syn | Segment.fin | Segment.rst)
        if control == 0 {
            if segment.length == 0, segment.flags & Segment.ack == 0 { return side }
            var side = side
            if history.isLoneAnswer {
                // A SYN with ACK came first and the dialogue goes on: its sender is the responder.
                flip()
                history.correctLoneAnswer()
                side = 1 &- side
            }
            if segment.length > 0 {
                noteHistory(.data, HistoryLetter.data, side: side, &work)
            } else {
                noteHistory(.ack, HistoryLetter.ack, side: side, &work)
            }
            return side
        }
        noteControl(segment, control, relative: relative, side: side, &work)
        return side
    }

    private mutating func noteControl(
        _ segment: Segment, _ control: UInt8, relative: UInt64, side: Int, _ work: inout FlowWork
    ) {
        let place = UInt32(truncatingIfNeeded: relative)
        switch control {
        case Segment.syn:
            let letter = segment.flags & Segment.ack != 0 ? HistoryLetter.answer : HistoryLetter.syn
            if noteHistory(.syn, letter, side: side, &work), place != ends[side].historySYN {
                addHistory(letter, side: side, &work)
            }
            ends[side].historySYN = place
        case Segment.fin:
            let end = place &+ UInt32(truncatingIfNeeded: segment.length)
            if noteHistory(.fin, HistoryLetter.fin, side: side, &work), end != ends[side].historyFIN {
                addHistory(HistoryLetter.fin, side: side, &work)
            }
            ends[side].historyFIN = end
        case Segment.rst:
            if noteHistory(.rst, HistoryLetter.rst, side: side, &work), place != ends[side].historyRST {
                addHistory(HistoryLetter.rst, side: side, &work)
            }
            ends[side].historyRST = place
        case Segment.fin | Segment.rst, Segment.syn | Segment.fin | Segment.rst:
            noteHistory(.finAndRST, HistoryLetter.inconsistent, side: side, &work)
        default:
            noteHistory(.severalFlags, HistoryLetter.severalFlags, side: side, &work)
        }
    }
}
