// SPDX-License-Identifier: Apache-2.0
//
// One line being typed: keys in, text and cursor out. Knows no terminal, so that it can be tested without one.
//
// Reads   octets as a terminal in raw mode sends them (ECMA-48 sequences for arrows, Home, End, Delete).
// Writes  the line; what to do next.
// Leaves  drawing (`QueryShell`), what can be completed.

struct LineEditor {
    enum Action: Equatable {
        /// Show the line again.
        case draw
        case line(String)
        /// Ctrl-C: the line, and the statement of which it is a part, is dropped.
        case cancel
        /// Ctrl-D in an empty line.
        case end
        /// Several names fit.
        case choices([String])
        case clearScreen
        case nothing
    }

    private(set) var text: [Character] = []
    private(set) var cursor = 0
    private(set) var history: [String]
    /// The place in the history that is shown; its count for the new line, which is kept in `fresh`.
    private var place: Int
    private var fresh: [Character] = []
    /// Octets of a character or a sequence that is not whole yet.
    private var pending: [UInt8] = []
    private let complete: (String) -> [String]
    private static let lengthMax = 100_000

    /// - Parameters:
    ///   - history: earlier lines, oldest first.
    ///   - complete: words that begin with a text.
    init(history: [String] = [], complete: @escaping (String) -> [String] = { _ in [] }) {
        self.history = history
        self.complete = complete
        place = history.count
    }

    /// Begins a new line; `line` goes into the history unless it is the one before.
    mutating func begin(remembering line: String? = nil) {
        if let line, !line.isEmpty, history.last != line { history.append(line) }
        (text, cursor, place, fresh, pending) = ([], 0, history.count, [], [])
    }

    mutating func type(_ octet: UInt8) -> Action {
        if !pending.isEmpty { return goOn(octet) }
        switch octet {
        case 0x0A, 0x0D: return .line(String(text))
        case 0x01: cursor = 0
        case 0x02: cursor = max(0, cursor - 1)
        case 0x03: return .cancel
        case 0x04:
            if text.isEmpty { return .end }
            if cursor < text.count { text.remove(at: cursor) }
        case 0x05: cursor = text.count
        case 0x06: cursor = min(text.count, cursor + 1)
        case 0x08, 0x7F:
            guard cursor > 0 else { return .nothing }
            cursor -= 1
            text.remove(at: cursor)
        case 0x09: return completeWord()
        case 0x0B: text.removeSubrange(cursor...)
        case 0x0C: return .clearScreen
        case 0x0E: show(place + 1)
        case 0x10: show(place - 1)
        case 0x15:
            text.removeSubrange(..<cursor)
            cursor = 0
        case 0x17: deleteWord()
        case 0x1B, 0xC2...0xF4: pending = [octet]
            return .nothing
        case 0x20...0x7E: insert([Character(UnicodeScalar(octet))])
        default: return .nothing
        }
        return .draw
    }

    private mutating func goOn(_ octet: UInt8) -> Action {
        pending.append(octet)
        if pending[0] != 0x1B {
            let wanted = pending[0] < 0xE0 ? 2 : pending[0] < 0xF0 ? 3 : 4
            guard pending.count >= wanted || octet & 0xC0 != 0x80 else { return .nothing }
            let typed = String(decoding: pending, as: UTF8.self)
            pending = []
            insert(Array(typed))
            return .draw
        }
        // ESC [ parameters letter, or ESC O letter.
        if pending.count == 2, octet == 0x5B || octet == 0x4F { return .nothing }
        guard pending.count > 2, 0x40...0x7E ~= octet || pending.count > 8 else {
            if pending.count == 2 { pending = [] }
            return .nothing
        }
        let parameter = pending.dropFirst(2).dropLast()
        pending = []
        switch (octet, parameter.first) {
        case (0x41, _): show(place - 1)
        case (0x42, _): show(place + 1)
        case (0x43, _): cursor = min(text.count, cursor + 1)
        case (0x44, _): cursor = max(0, cursor - 1)
        case (0x48, _), (0x7E, 0x31?), (0x7E, 0x37?): cursor = 0
        case (0x46, _), (0x7E, 0x34?), (0x7E, 0x38?): cursor = text.count
        case (0x7E, 0x33?): if cursor < text.count { text.remove(at: cursor) }
        default: return .nothing
        }
        return .draw
    }

    private mutating func insert(_ characters: [Character]) {
        guard text.count + characters.count <= LineEditor.lengthMax else { return }
        text.insert(contentsOf: characters, at: cursor)
        cursor += characters.count
    }

    private mutating func deleteWord() {
        var start = cursor
        while start > 0, text[start - 1] == " " { start -= 1 }
        while start > 0, text[start - 1] != " " { start -= 1 }
        text.removeSubrange(start..<cursor)
        cursor = start
    }

    private mutating func show(_ wanted: Int) {
        guard 0...history.count ~= wanted, wanted != place else { return }
        if place == history.count { fresh = text }
        place = wanted
        text = wanted == history.count ? fresh : Array(history[wanted])
        cursor = text.count
    }

    // MARK: completion

    private mutating func completeWord() -> Action {
        var start = cursor
        while start > 0, isWord(text[start - 1]) { start -= 1 }
        let typed = String(text[start..<cursor])
        let found = complete(typed)
        guard let first = found.first else { return .nothing }
        var common = first[...]
        for name in found.dropFirst() {
            while !name.lowercased().hasPrefix(common.lowercased()) { common.removeLast() }
        }
        guard common.count > typed.count || found.count == 1 else { return .choices(found) }
        text.replaceSubrange(start..<cursor, with: Array(common))
        cursor = start + common.count
        if found.count == 1, cursor == text.count { insert([" "]) }
        return .draw
    }

    private func isWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_" || character == "."
    }
}
