// SPDX-License-Identifier: Apache-2.0
//
// A set of rules out of files and folders, with a report of every document.
//
// Reads   *.yml and *.yaml.
// Writes  the rules that can be evaluated here; why others cannot.
// Leaves  compiling them for a log (SigmaMatcher.swift).

import Foundation
package import Records

/// What became of one document.
package struct SigmaReport: Sendable {
    package enum Verdict: Sendable, Equatable {
        case accepted
        /// The rule is right, but nothing that Weir writes is its log source.
        case noSource(String)
        case rejected(SigmaRefusal)
    }

    package var path: String
    package var title: String
    package var id: String
    package var verdict: Verdict
    /// Logs that the rule looks at.
    package var logs: [String] = []
    /// Fields that none of these logs has; a test of one never finds a value.
    package var unknownFields: [String] = []
}

package struct SigmaRules: Sendable {
    package private(set) var rules: [SigmaRule] = []
    package private(set) var reports: [SigmaReport] = []
    private let placeholders: SigmaPlaceholders

    private let schemas: [LogSchema]

    private init(_ placeholders: SigmaPlaceholders, _ schemas: [LogSchema]) {
        self.placeholders = placeholders
        self.schemas = schemas
    }

    /// Reads files, and *.yml and *.yaml below folders, and applies filters of any of them to the rules of all.
    ///
    /// - Parameters:
    ///   - placeholders: values for `%name%`.
    ///   - schemas: the logs, for telling which fields nothing has.
    package init(_ paths: [String], placeholders: SigmaPlaceholders = [:], schemas: [LogSchema] = []) {
        self.init(placeholders, schemas)
        var filters: [(SigmaFilter, String)] = []
        var identities: Set<String> = []
        var files: [String] = []
        for path in paths {
            let found = SigmaRules.files(path)
            files += found
            guard found.count >= SigmaLimits.filesMax else { continue }
            refuse(path, "", SigmaRefusal(.file, "it has more than \(SigmaLimits.filesMax) files; the rest is left"))
        }
        for path in files {
            // A pipe would be waited for; a file that is no rule by its size is not even read.
            guard let size = SigmaRules.byteCount(path) else {
                refuse(path, "", SigmaRefusal(.file, "there is no such file"))
                continue
            }
            guard size <= SigmaLimits.fileBytesMax else {
                refuse(path, "", SigmaRefusal(.yaml, "the file is larger than \(SigmaLimits.fileBytesMax) octets"))
                continue
            }
            guard let data = FileManager.default.contents(atPath: path) else {
                refuse(path, "", SigmaRefusal(.file, "the file cannot be read"))
                continue
            }
            read(data, path, &filters, &identities)
        }
        apply(filters)
    }

    private static func files(_ path: String) -> [String] {
        let top = URL(filePath: path)
        let isFolder = (try? top.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory ?? false
        guard isFolder else { return [path] }
        guard let walk = FileManager.default.enumerator(atPath: path) else { return [] }
        var found: [String] = []
        for case let name as String in walk where name.hasSuffix(".yml") || name.hasSuffix(".yaml") {
            guard found.count < SigmaLimits.filesMax else { break }
            found.append(path.hasSuffix("/") ? path + name : path + "/" + name)
        }
        return found.sorted()
    }

    /// Octets of a file; nil where it is none.
    private static func byteCount(_ path: String) -> Int? {
        let path = URL(filePath: path).resolvingSymlinksInPath().path
        guard let facts = try? FileManager.default.attributesOfItem(atPath: path),
            facts[.type] as? FileAttributeType == .typeRegular
        else { return nil }
        return (facts[.size] as? NSNumber)?.intValue
    }

    private mutating func read(
        _ data: Data, _ path: String, _ filters: inout [(SigmaFilter, String)], _ identities: inout Set<String>
    ) {
        guard let text = String(bytes: data, encoding: .utf8) else {
            return refuse(path, "", SigmaRefusal(.yaml, "the file is not UTF-8"))
        }
        let documents: [SigmaYAML]
        do throws(SigmaRefusal) {
            documents = try SigmaYAML.documents(text)
        } catch {
            return refuse(path, "", error)
        }
        if documents.isEmpty { refuse(path, "", SigmaRefusal(.form, "the file is empty")) }
        for document in documents {
            do throws(SigmaRefusal) {
                switch try SigmaDocument(document, path: path, placeholders) {
                case .rule(let rule):
                    guard identities.insert(rule.id).inserted else {
                        throw SigmaRefusal(.form, "another rule has the id \(rule.id)")
                    }
                    rules.append(rule)
                case .filter(let filter): filters.append((filter, path))
                }
            } catch {
                refuse(path, document["title"]?.text ?? "", error)
            }
        }
    }

    private mutating func refuse(_ path: String, _ title: String, _ refusal: SigmaRefusal) {
        reports.append(SigmaReport(path: path, title: title, id: "", verdict: .rejected(refusal)))
    }

    /// Puts filters on the rules that they name, and tells of each rule whether it has a log here.
    private mutating func apply(_ filters: [(SigmaFilter, String)]) {
        var sizes = filters.isEmpty ? [] : rules.map(\.node.count)
        for (filter, path) in filters {
            var count = 0
            var isTooMuch = false
            for index in rules.indices where filter.concerns(rules[index]) {
                sizes[index] += filter.node.count
                guard sizes[index] <= SigmaLimits.testsMax else {
                    isTooMuch = true
                    continue
                }
                rules[index].node = .all([rules[index].node, filter.node])
                count += 1
            }
            if isTooMuch {
                refuse(
                    path, filter.title,
                    SigmaRefusal(.condition, "a rule would have more than \(SigmaLimits.testsMax) tests with it"))
            } else if count == 0 {
                refuse(path, filter.title, SigmaRefusal(.form, "the filter names no rule that is loaded"))
            } else {
                let report = SigmaReport(path: path, title: filter.title, id: "", verdict: .accepted, logs: ["filter"])
                reports.append(report)
            }
        }
        var kept: [SigmaRule] = []
        for rule in rules {
            var report = SigmaReport(path: rule.path, title: rule.title, id: rule.id, verdict: .accepted)
            let targets = SigmaTarget.targets(of: rule.source)
            if targets.isEmpty {
                report.verdict = .noSource("nothing here is \(rule.source)")
            } else {
                kept.append(rule)
                report.logs = targets.map(\.name)
                let names = rule.node.fields
                report.unknownFields = names.filter { name in targets.allSatisfy { !$0.knows(name, schemas) } }.sorted()
            }
            reports.append(report)
        }
        rules = kept
    }

    package var rejected: [SigmaReport] {
        reports.filter { if case .rejected = $0.verdict { true } else { false } }
    }
    package var withoutSource: [SigmaReport] {
        reports.filter { if case .noSource = $0.verdict { true } else { false } }
    }
    package var accepted: [SigmaReport] { reports.filter { $0.verdict == .accepted } }
}
