// SPDX-License-Identifier: Apache-2.0
//
// Sigma rules at work beside the sensor, and beside the reading of audit logs.

import ArgumentParser
import CloudAudit
import Foundation
import Intel
import Records
import Sensor
import Sigma

enum SigmaGlue {
    /// Reads rules; tells of those that are rejected. Throws where not one is left that has a log here.
    static func rules(_ paths: [String], _ placeholders: SigmaPlaceholders = [:]) throws -> SigmaRules {
        try told(SigmaRules(paths, placeholders: placeholders, schemas: Schemas.logs), paths)
    }

    /// Tells of those that are rejected; throws where not one is left.
    private static func told(_ rules: SigmaRules, _ paths: [String]) throws -> SigmaRules {
        for report in rules.rejected {
            guard case .rejected(let refusal) = report.verdict else { continue }
            Console.warn("\(report.path): \(refusal.reason)")
        }
        guard !rules.rules.isEmpty else {
            throw Console.fail("no Sigma rule of \(paths.joined(separator: ", ")) can be used; see weir sigma check")
        }
        return rules
    }

    /// The rules of the configuration with a report of each; nobody has been told.
    static func read(_ settings: Settings) throws -> SigmaRules {
        let values = try placeholders(settings.sigma.placeholders)
        return SigmaRules(settings.sigma.rulePaths, placeholders: values, schemas: Schemas.logs)
    }

    /// The rules of the configuration, which may be replaced; nil without any.
    static func shelf(_ settings: Settings) throws -> SigmaShelf? {
        guard !settings.sigma.rulePaths.isEmpty else { return nil }
        return SigmaShelf(SigmaSet(try told(read(settings), settings.sigma.rulePaths), schemas: Schemas.all))
    }

    /// `name=value,…`, as the option and the configuration have it.
    static func placeholders(_ texts: [String]) throws -> SigmaPlaceholders {
        var values: SigmaPlaceholders = [:]
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, !parts[1].isEmpty else {
                throw ValidationError("the placeholder \(text): write name=value, such as admins=alice,bob")
            }
            let name = parts[0].trimmingCharacters(in: CharacterSet(charactersIn: "%"))
            values[name, default: []] += parts[1].split(separator: ",").map(String.init)
        }
        return values
    }

    // MARK: beside the sensor

    /// Who looks at the rows of the logs.
    static func observers(_ rules: SigmaShelf?, _ settings: Settings) -> [any RowObserver] {
        rules.map { [SigmaObserver($0, foldSeconds: settings.alerts.foldSeconds)] } ?? []
    }

    /// Looks through the folders of the configuration; nil where there are none, or no store to read them into.
    static func watcher(
        _ store: String?, _ settings: Settings, _ rules: SigmaShelf?, _ indicators: IndicatorShelf
    ) -> CloudWatcher? {
        guard !settings.cloud.folders.isEmpty else { return nil }
        guard let store else {
            Console.warn("cloud.watch: audit logs go into a store; say which with --store")
            return nil
        }
        var watch = CloudWatcher.Settings(store: store, folders: settings.cloud.folders)
        watch.intervalSeconds = settings.cloud.intervalSeconds
        watch.sensorName = settings.sensorName
        watch.foldSeconds = settings.alerts.foldSeconds
        watch.observer = { number in
            guard let rules, rules.number != number else { return nil }
            let (newest, newestNumber) = (rules.newest.rules, rules.number)
            return (newestNumber, cloudObserver(newest))
        }
        watch.onlookers = {
            var own = settings
            return indicators.newest.count > 0 ? [own.matcher(indicators)] : []
        }
        watch.tell = { Console.say($0) }
        return CloudWatcher(watch)
    }

    // MARK: beside the reading of audit logs

    /// Who looks at each new audit record; nil without rules.
    static func cloudObserver(_ paths: [String], _ placeholders: SigmaPlaceholders = [:]) throws -> CloudObserver? {
        guard !paths.isEmpty else { return nil }
        return cloudObserver(try rules(paths, placeholders))
    }

    static func cloudObserver(_ rules: SigmaRules) -> CloudObserver? {
        let sigma = SigmaCloud(rules)
        guard !sigma.names.isEmpty else { return nil }
        return { record, json in
            let hits = sigma.match(record.provider.description, json) { SigmaGlue.facts(record) }
            return hits.map(\.alert)
        }
    }

    private static func facts(_ record: CloudAuditRecord) -> SigmaCloudFacts {
        var facts = SigmaCloudFacts()
        facts.time = record.ts
        facts.record = record.string(record.identity)
        facts.principal = record.string(record.actorARN) ?? record.string(record.actorID)
        facts.user = record.string(record.actorName)
        facts.address = record.sourceAddress.map { address in
            var octets: [UInt8] = []
            address.write(to: &octets)
            return String(decoding: octets, as: UTF8.self)
        }
        return facts
    }
}
