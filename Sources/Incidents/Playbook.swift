// SPDX-License-Identifier: Apache-2.0
//
// Next steps: playbooks whose questions fill themselves in from an incident.
//
// Reads   YAML files: `name`, `stages` (or `any`), `steps` of `title`, `text`, `query`, `command`.
// Writes  steps with the incident's hosts, names and times in their questions.
// Leaves  asking them (`weir query`).

import Foundation
import Query
import Records
import Store
import Yams

/// One file of steps.
package struct Playbook: Sendable, Equatable {
    struct Step: Sendable, Equatable {
        var title: String
        var text: String
        var query: String?
        var command: String?
    }
    package let name: String
    /// Stages for which it is; nil for every incident.
    let stages: [Stage]?
    let steps: [Step]

    private static let fileBytesMax = 256 << 10
    private static let filesMax = 200
    private static let stepsMax = 40

    /// What may stand in braces in a question, each a list of SQL texts; and in a command line.
    private static let lists = [
        "targets", "attackers", "destinations", "domains", "users", "principals", "files", "uids",
    ]
    private static let words = ["from", "to", "number", "store"]

    /// Reads the playbooks of a folder, in order of their files' names.
    package static func read(folder: String) throws(IncidentError) -> [Playbook] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw IncidentError(
                .playbook, "\(folder): the folder cannot be read",
                advice: "give that of the playbooks with --playbooks")
        }
        var books: [Playbook] = []
        for name in names.sorted().prefix(filesMax) where name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
            let path = "\(folder)/\(name)"
            guard let data = FileManager.default.contents(atPath: path), data.count <= fileBytesMax,
                let text = String(data: data, encoding: .utf8)
            else {
                throw IncidentError(
                    .playbook, "\(path): it cannot be read, is not UTF-8, or has more than \(fileBytesMax >> 10) KiB",
                    advice: "see Docs/incidents.md")
            }
            books.append(try Playbook(yaml: text, path: path))
        }
        return books
    }

    /// The folder of the playbooks that come with weir. Nil where there is none.
    package static var shippedFolder: String? {
        ShippedFolder.places("playbooks").first { FileManager.default.fileExists(atPath: $0) }
    }

    package init(yaml: String, path: String) throws(IncidentError) {
        let node: Node?
        do { node = try Yams.compose(yaml: yaml) } catch {
            throw IncidentError(.playbook, "\(path): this is not YAML: \(error)", advice: "see Docs/incidents.md")
        }
        guard let map = node?.mapping, let name = map["name"]?.string else {
            throw Playbook.wrong(path, "“name” is missing")
        }
        self.name = name
        stages = try Playbook.stages(map["stages"], path)
        var steps: [Step] = []
        for node in map["steps"]?.sequence?.prefix(Playbook.stepsMax) ?? [] {
            steps.append(try Playbook.step(node, path))
        }
        guard !steps.isEmpty else { throw Playbook.wrong(path, "it has no “steps”") }
        self.steps = steps
    }

    private static func wrong(_ path: String, _ reason: String) -> IncidentError {
        IncidentError(.playbook, "\(path): \(reason)", advice: "see Docs/incidents.md for what a playbook has")
    }

    private static func stages(_ node: Node?, _ path: String) throws(IncidentError) -> [Stage]? {
        guard let names = node?.sequence?.compactMap(\.string) ?? node?.string.map({ [$0] }), !names.isEmpty else {
            throw wrong(path, "“stages” is missing: a list of stages, or any")
        }
        if names == ["any"] { return nil }
        var stages: [Stage] = []
        for name in names {
            guard let stage = Stage(rawValue: name) else {
                let known = Stage.allCases.map(\.rawValue).joined(separator: ", ")
                throw wrong(path, "there is no stage “\(name)”; they are \(known)")
            }
            stages.append(stage)
        }
        return stages
    }

    private static func step(_ node: Node, _ path: String) throws(IncidentError) -> Step {
        guard let map = node.mapping, let title = map["title"]?.string else {
            throw wrong(path, "a step has no “title”")
        }
        let step = Step(
            title: title, text: map["text"]?.string ?? "", query: map["query"]?.string,
            command: map["command"]?.string)
        for text in [step.query, step.command].compactMap({ $0 }) {
            for word in placeholders(text) where !lists.contains(word) && !words.contains(word) {
                let known = (lists + words).joined(separator: ", ")
                throw wrong(path, "“\(title)” has {\(word)}; known are \(known)")
            }
        }
        return step
    }

    /// Words in braces.
    private static func placeholders(_ text: String) -> [String] {
        var words: [String] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            words.append(String(rest[rest.index(after: open)..<close]))
            rest = rest[rest.index(after: close)...]
        }
        return words
    }

    // MARK: filling in

    /// The steps for an incident: those of its stages in their order, then those for every one. A step that asks about
    /// what the incident does not have is left out.
    package static func steps(_ books: [Playbook], for view: IncidentView, store: String) -> [IncidentStep] {
        var order: [Playbook] = []
        for stage in view.stages.map(\.stage) {
            for book in books where book.stages?.contains(stage) == true && !order.contains(book) {
                order.append(book)
            }
        }
        order += books.filter { $0.stages == nil }
        let filling = Filling(view, store)
        var seen: Set<String> = []
        return order.flatMap { book in book.steps.compactMap { filling.fill($0, book.name) } }.filter { step in
            seen.insert(step.query ?? step.command ?? step.title).inserted
        }
    }

    /// The values of one incident.
    private struct Filling {
        private let lists: [String: [String]]
        private let words: [String: String]

        private static let valuesMax = 30

        init(_ view: IncidentView, _ store: String) {
            func values(_ isWanted: (IncidentEntity) -> Bool) -> [String] {
                Array(
                    view.entities.filter(isWanted).sorted { $0.alertCount > $1.alertCount }.map(\.value).prefix(
                        Filling.valuesMax))
            }
            lists = [
                "targets": values { $0.kind == "host" && $0.role == .target },
                "attackers": values { $0.kind == "host" && $0.role == .attacker },
                "destinations": values { $0.kind == "host" && $0.role == .destination },
                "domains": values { $0.kind == "domain" }, "users": values { $0.kind == "user" },
                "principals": values { $0.kind == "principal" }, "files": values { $0.kind == "file" },
                "uids": Array(view.connectionUIDs.prefix(Filling.valuesMax)),
            ]
            words = [
                "from": SQLValue(view.first).literal ?? "''", "to": SQLValue(view.last).literal ?? "''",
                "number": "\(view.number)", "store": Filling.quoted(store),
            ]
        }

        func fill(_ step: Step, _ book: String) -> IncidentStep? {
            var filled = IncidentStep(playbook: book, title: step.title, text: step.text, query: nil, command: nil)
            if let query = step.query {
                guard let text = fill(query, list: { $0.compactMap { SQLValue($0).literal }.joined(separator: ", ") })
                else {
                    return nil
                }
                filled.query = text
            }
            if let command = step.command {
                guard let text = fill(command, list: { $0.map(Filling.quoted).joined(separator: " ") }) else {
                    return nil
                }
                filled.command = text
            }
            return filled
        }

        /// Nil where a list is empty.
        private func fill(_ text: String, list: ([String]) -> String) -> String? {
            var filled = ""
            var rest = text[...]
            while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
                filled += rest[..<open]
                let word = String(rest[rest.index(after: open)..<close])
                if let values = lists[word] {
                    guard !values.isEmpty else { return nil }
                    filled += list(values)
                } else {
                    filled += words[word] ?? ""
                }
                rest = rest[rest.index(after: close)...]
            }
            return (filled + rest).trimmingCharacters(in: .whitespacesAndNewlines)
        }

        /// One word of a shell, whatever an attacker put into it.
        private static func quoted(_ text: String) -> String {
            let isPlain = text.utf8.allSatisfy { octet in
                [0x2D, 0x2E, 0x2F, 0x3A, 0x5F].contains(octet) || (0x30...0x39).contains(octet)
                    || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
            }
            return isPlain && !text.isEmpty ? text : "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"
        }
    }
}
