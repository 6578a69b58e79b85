// SPDX-License-Identifier: Apache-2.0
//
// `dataset`, `datarep`, digest lists, `iprep`.
//
// Reads   values of options; the files that they name.
// Writes  steps and tests; sets into the builder.
// Leaves  the files' formats (RuleFiles.swift).

import Records

/// What a `dataset` or `datarep` says besides its name.
private struct DatasetOptions {
    var type: DatasetType?
    var load: String?
    var save: String?
    var format = DatasetFormat.csv
    var valueKey = ""
    var contextKey = ""
    var arrayKey = ""
    var matchesSubdomains = false
    var memoryMax: UInt64?
    var hashSize: UInt64?

    init(parsing parts: ArraySlice<RuleText>) throws(RuleError) {
        for part in parts {
            let words = part.words
            guard let key = words.first else { throw RuleError(.value, "an empty option of a data set") }
            if words.count == 1, key.equals("remove_key") { continue }
            guard words.count == 2 else { throw RuleError(.value, "\(part.quoted) is no option of a data set") }
            try set(key.string, words[1])
        }
        guard format == .csv || (!valueKey.isEmpty && !contextKey.isEmpty) else {
            throw RuleError(.value, "JSON lists need value_key and context_key")
        }
    }

    private mutating func set(_ key: String, _ value: RuleText) throws(RuleError) {
        let text = value.string
        switch key {
        case "type":
            let types: [String: DatasetType] = [
                "string": .string, "md5": .md5, "sha256": .sha256, "ipv4": .ipv4, "ip": .ip,
            ]
            guard let found = types[text] else {
                throw RuleError(.value, "\(value.quoted) is no type", advice: "write string, md5, sha256, ipv4 or ip")
            }
            type = found
        case "load": load = text
        case "save": save = try DatasetOptions.writable(text)
        case "state":
            load = try DatasetOptions.writable(text)
            save = load
        case "memcap": memoryMax = try DatasetOptions.size(value)
        case "hashsize":
            guard let count = value.decimal(0xFFFF_FFFF), count > 0 else {
                throw RuleError(.value, "\(value.quoted) is no hashsize")
            }
            hashSize = count
        case "format":
            switch text {
            case "csv": format = .csv
            case "json": format = .json
            case "ndjson", "jsonline": format = .ndjson
            default: throw RuleError(.value, "\(value.quoted) is no format", advice: "write csv, json or ndjson")
            }
        case "value_key": valueKey = text
        case "context_key": contextKey = text
        case "array_key": arrayKey = text
        case "match" where text == "subdomain" || text == "exact": matchesSubdomains = text == "subdomain"
        default: throw RuleError(.value, "\(key) is no option of a data set")
        }
    }

    /// A path that a rule may have written to: below the folder of data.
    private static func writable(_ path: String) throws(RuleError) -> String {
        guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            throw RuleError(
                .file, "the path \(path) leaves the folder of data", advice: "name a file below it, without '..'")
        }
        return path
    }

    private static func size(_ value: RuleText) throws(RuleError) -> UInt64 {
        guard let test = try? NumberTest(parsing: value, .u64), test.comparison == .equal, test.first > 0 else {
            throw RuleError(.value, "\(value.quoted) is no size", advice: "write 64mb")
        }
        return test.first
    }
}

extension RuleParser {
    mutating func addDataset(_ value: RuleText) throws(RuleError) {
        guard draft.current != nil else {
            throw RuleError(
                .buffer, "dataset has no sticky buffer before it",
                advice: "name the buffer first: dns.query; dataset:…;")
        }
        let parts = value.parts(0x2C)
        let commands: [String: DatasetStep.Command] = [
            "isset": .isSet, "isnotset": .isNotSet, "set": .set, "unset": .unset,
        ]
        guard parts.count >= 2, let command = commands[parts[0].string], RuleParser.isName(parts[1]) else {
            throw RuleError(
                .value, "\(value.quoted) is no dataset",
                advice: "write isset|isnotset|set|unset,NAME,type string,load FILE")
        }
        let options = try DatasetOptions(parsing: parts[2...])
        var step = DatasetStep()
        step.command = command
        step.dataset = try dataset(named: parts[1].string, options, hasReputation: false)
        draft.append(DraftStep(step: .dataset(step), order: 0), to: draft.activeList())
    }

    mutating func addReputationSet(_ value: RuleText) throws(RuleError) {
        guard draft.current != nil else {
            throw RuleError(.buffer, "datarep has no sticky buffer before it", advice: "name the buffer first")
        }
        let parts = value.parts(0x2C)
        guard parts.count >= 3, RuleParser.isName(parts[0]), let number = parts[2].decimal(65_535),
            let comparison = RuleParser.comparison(parts[1])
        else {
            throw RuleError(
                .value, "\(value.quoted) is no datarep", advice: "write NAME,>,NUMBER,load FILE,type string")
        }
        let options = try DatasetOptions(parsing: parts[3...])
        var step = DatasetStep()
        step.command = .reputation
        step.test = NumberTest(comparison, number)
        step.dataset = try dataset(named: parts[0].string, options, hasReputation: true)
        draft.append(DraftStep(step: .dataset(step), order: 0), to: draft.activeList())
    }

    static func comparison(_ text: RuleText) -> NumberTest.Comparison? {
        switch text.string {
        case "<": .less
        case ">": .greater
        case "=", "==": .equal
        case "<=": .lessOrEqual
        case ">=": .greaterOrEqual
        case "!=": .notEqual
        default: nil
        }
    }

    static func isName(_ text: RuleText) -> Bool {
        (1...63).contains(text.count)
            && text.allSatisfy { $0.isLetter || $0.isDigit || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
    }

    private mutating func dataset(
        named name: String, _ options: DatasetOptions, hasReputation: Bool
    ) throws(RuleError) -> UInt16 {
        if let number = files.datasets[name] {
            let known = builder.datasets[Int(number)]
            guard options.type == nil || options.type == known.type else {
                throw RuleError(.duplicate, "the data set \(name) has another type in a rule before")
            }
            return number
        }
        guard let type = options.type else {
            throw RuleError(
                .value, "the data set \(name) has no type", advice: "write type string, md5, sha256, ipv4 or ip")
        }
        guard !hasReputation || options.load != nil || files.folder == nil else {
            throw RuleError(.value, "datarep loads no file", advice: "write load FILE")
        }
        if options.save != nil, files.dataFolder == nil { draft.addIdle("dataset save without signatures.data") }
        if let kept = files.kept(name, type), hasReputation == false { return try enter(kept) }
        let savePath = options.save.flatMap { save in files.dataFolder.map { "\($0)/\(save)" } }
        let set = Dataset(
            name: name, type: type, savePath: savePath, isLoaded: options.load != nil,
            matchesSubdomains: options.matchesSubdomains, contextKey: options.contextKey,
            bytesMax: options.memoryMax.map { Int(min($0, UInt64(Dataset.bytesMax))) })
        if let load = options.load {
            if let bytes = options.save == load ? try files.readState(load) : try files.read(load) {
                var reader = DatasetReader(type: type, format: options.format, hasReputation: hasReputation)
                reader.valueKey = options.valueKey.split(separator: ".").map(String.init)
                reader.arrayKey = options.arrayKey.split(separator: ".").map(String.init)
                try reader.read(bytes, into: set, load)
                guard set.dropped == 0 else {
                    throw RuleError(
                        .file, "\(load) does not fit into the data set's memory", advice: "give it a greater memcap")
                }
            } else if options.save != load {
                draft.warnings.append("the file \(load) is not there: the data set \(name) is empty")
            }
        }
        set.settle()
        return try enter(set)
    }

    private mutating func enter(_ set: Dataset) throws(RuleError) -> UInt16 {
        guard builder.datasets.count < RuleFiles.countMax else { throw RuleError(.file, "too many data sets") }
        builder.datasets.append(set)
        let number = UInt16(builder.datasets.count - 1)
        files.datasets[set.name] = number
        return number
    }

    mutating func addHashList(
        _ algorithm: FileHashList.Algorithm, _ value: RuleText, isNegated: Bool
    ) throws(RuleError) {
        let name = value.trimmed.string
        let (number, isMissing) = try files.hashList(name, algorithm, &builder)
        if isMissing { draft.warnings.append("the list \(name) is not there: no file is in it") }
        try need(BufferInfo.files, RuleText("file\(algorithm)"))
        draft.transactionTests.append(
            TransactionTest(element: .fileHash(list: number, isNegated: isNegated), side: .either))
    }

    /// `iprep:any|src|dst|both,CATEGORY,OPERATOR,SCORE` or `,isset`, `,isnotset`.
    mutating func addReputation(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        let sides: [String: ReputationSide] = ["any": .any, "src": .source, "dst": .destination, "both": .both]
        guard parts.count == 3 || parts.count == 4, let side = sides[parts[0].string] else {
            throw RuleError(.value, "\(value.quoted) is no iprep", advice: "write iprep:any|src|dst|both,CATEGORY,>,10")
        }
        guard let category = builder.reputation.category(named: parts[1].string) else {
            throw RuleError(
                .file, "the category \(parts[1].quoted) is not known",
                advice: "name it in the categories file that the configuration gives")
        }
        let test: NumberTest
        if parts.count == 3, parts[2].equals("isset") {
            test = NumberTest(.greaterOrEqual, 0)
        } else if parts.count == 3, parts[2].equals("isnotset") {
            test = NumberTest(.less, 0)
        } else if parts.count == 4, let comparison = RuleParser.comparison(parts[2]), let score = parts[3].decimal(127)
        {
            test = NumberTest(comparison, score)
        } else {
            throw RuleError(.value, "\(value.quoted) is no iprep", advice: "compare with 0 to 127, or write isset")
        }
        draft.packetTests.append(.reputation(side, category: category, test))
    }
}
