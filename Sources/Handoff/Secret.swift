// SPDX-License-Identifier: Apache-2.0
//
// Tokens, passwords and keys: read from a file or the environment, and never shown.
//
// Reads   files that nobody else may read, variables of the environment.
// Writes  texts with every secret replaced by dots.
// Leaves  where they are sent (the connectors).

internal import Foundation

/// A secret; printing it gives dots.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    static let dots = "•••"
    /// Longest file of a secret; a private key is a few thousand octets.
    static let bytesMax = 65_536

    /// The secret itself. Whoever reads it must not show it.
    let exposed: String

    init(_ text: String) { exposed = text }

    package var description: String { Secret.dots }
    package var debugDescription: String { Secret.dots }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// The first line of a file that only this user may read; `whole` takes all of it, for PEM.
    static func read(file path: String, key: String, whole: Bool = false) throws(HandoffError) -> Secret {
        let place = "\(key): \(path)"
        let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let facts = try? FileManager.default.attributesOfItem(atPath: resolved),
            let mode = facts[.posixPermissions] as? NSNumber
        else {
            throw HandoffError("\(place): the file cannot be read; check the path and its permissions")
        }
        guard facts[.type] as? FileAttributeType == .typeRegular else {
            throw HandoffError("\(place): this is not a file; give the path of a file with the secret")
        }
        guard mode.intValue & 0o077 == 0 else {
            let text = String(mode.intValue & 0o777, radix: 8)
            throw HandoffError(
                "\(place): others may read or write this file (mode \(text)); run chmod 600 on it, "
                    + "and change the secret if somebody may have read it")
        }
        guard let size = facts[.size] as? NSNumber, size.intValue <= bytesMax,
            let data = FileManager.default.contents(atPath: resolved),
            let text = String(data: data, encoding: .utf8)
        else {
            throw HandoffError("\(place): the file cannot be read as text of at most \(bytesMax) octets")
        }
        return try checked(whole ? text : firstLine(text), place: place, whole: whole)
    }

    static func read(
        variable name: String, key: String,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(HandoffError) -> Secret {
        guard let text = environment[name] else {
            throw HandoffError("\(key): there is no variable \(name) in the environment")
        }
        return try checked(firstLine(text), place: "\(key): \(name)", whole: false)
    }

    private static func firstLine(_ text: String) -> String {
        (text.split(whereSeparator: \.isNewline).first.map(String.init) ?? "").trimmingCharacters(in: .whitespaces)
    }

    private static func checked(_ text: String, place: String, whole: Bool) throws(HandoffError) -> Secret {
        guard !text.isEmpty else { throw HandoffError("\(place): the secret is empty") }
        guard whole || text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw HandoffError("\(place): the secret has control characters in it")
        }
        return Secret(text)
    }
}

/// Texts of others, made fit to be kept and shown.
struct Redaction: Sendable {
    /// Octets of an answer that are kept.
    static let answerBytesMax = 2_048

    private let words: [String]

    /// - Parameter words: what must not be shown. Very short ones would blank half of every answer.
    init(_ words: [String]) {
        self.words = words.filter { $0.utf8.count >= 4 }.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// The beginning of `text`, secrets and control characters replaced.
    func clean(_ text: String) -> String {
        var text = text
        for word in words where text.contains(word) {
            text = text.replacingOccurrences(of: word, with: Secret.dots)
        }
        var plain = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 && scalar.value != 0x0A || (0x7F...0x9F).contains(scalar.value)
            plain.unicodeScalars.append(isControl ? " " : scalar)
        }
        return plain.cut(Redaction.answerBytesMax)
    }
}

/// What is wrong with the configuration or the store, in one line: what, where, what to do.
package struct HandoffError: Error, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
