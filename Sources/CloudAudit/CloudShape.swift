// SPDX-License-Identifier: Apache-2.0
//
// Which provider's record a JSON object is, told by its members.
//
// Reads   the outermost members of an object, in any case.
// Writes  `CloudShape`, and the object that the record itself is, out of its envelopes.
// Leaves  arrays of records (RecordCutter.swift).

package import JSON

/// The forms in which audit records come.
package enum CloudShape: String, Sendable, CaseIterable {
    case cloudTrail = "cloudtrail"
    case guardDuty = "guardduty"
    case s3Access = "s3_access"
    case vpcFlow = "vpc_flow"
    case vpcDNS = "vpc_dns"
    case azureDiagnostic = "azure_diagnostic"
    case azureActivity = "azure_activity"
    case graphAudit = "graph_audit"
    case graphSignIn = "graph_signin"
    case graphRisk = "graph_risk"
    case sentinel
    case defender
    case m365
    case gcpAudit = "gcp_audit"
    case gcpEntry = "gcp_entry"
    case workspace
    case kubernetes
    case okta
    case github
    case other
}

/// Members that tell shapes apart.
enum MarkerKey: Int, CaseIterable {
    case eventVersion, eventSource, eventName, userIdentity, eventID, awsRegion, eventTime
    case protoPayload, logName, insertId, resource, timestamp
    case resourceId, operationName, time, category, callerIpAddress, correlationId, properties, tenantId
    case eventTimestamp, eventDataId, claims, authorization, submissionTimestamp
    case activityDateTime, activityDisplayName, initiatedBy, targetResources
    case createdDateTime, userPrincipalName, appId, riskEventType, riskDetail, detectedDateTime
    case TimeGenerated, SourceSystem
    case CreationTime, Operation, RecordType, Workload, UserType, UserKey, OrganizationId
    case ActionType
    case id, actor, kind, events, name, ipAddress
    case published, eventType, outcome, uuid, displayMessage, client
    case action, created_at, org, repo, _document_id
    case auditID, verb, objectRef, apiVersion, requestURI
    case schemaVersion, partition, severity, service
    case bucketowner, requesturi, requester
    case srcAddr, dstAddr, query_name, vpc_id
    case p_log_type
    case log, detail, event, message, _source

    static let table = JSONKeyTable(allCases.map { "\($0)" })
}

struct Markers {
    let found: JSONFound
    init(_ object: JSONValue) { found = object.find(MarkerKey.table) }

    func has(_ keys: MarkerKey...) -> Bool { keys.allSatisfy { found[$0.rawValue] != nil } }
    func count(_ keys: MarkerKey...) -> Int { keys.reduce(0) { $0 + (found[$1.rawValue] == nil ? 0 : 1) } }
    func value(_ key: MarkerKey) -> JSONValue? { found[key.rawValue] }
    func objects(_ keys: MarkerKey...) -> [JSONValue] { keys.compactMap { value($0) }.filter(\.isObject) }
}

extension CloudShape {
    /// The shape of a record, nil where nothing is known about the object.
    static func of(_ markers: Markers) -> CloudShape? {
        let known = markers.count(
            .eventVersion, .eventSource, .eventName, .userIdentity, .awsRegion, .eventTime, .eventID)
        if known >= 3 { return .cloudTrail }
        if markers.value(.protoPayload)?.isObject == true { return .gcpAudit }
        return microsoft(markers) ?? others(markers) ?? labelled(markers)
    }

    private static func microsoft(_ markers: Markers) -> CloudShape? {
        if markers.has(.TimeGenerated), markers.count(.operationName, .Operation, .category, .SourceSystem) >= 1 {
            return .sentinel
        }
        if markers.has(.CreationTime), markers.has(.Operation),
            markers.count(.RecordType, .Workload, .UserType, .UserKey, .OrganizationId) >= 1
        {
            return .m365
        }
        if markers.has(.activityDateTime), markers.count(.activityDisplayName, .initiatedBy, .targetResources) >= 1,
            !markers.has(.operationName)
        {
            return .graphAudit
        }
        if markers.has(.eventTimestamp) || markers.has(.eventDataId),
            markers.count(.operationName, .authorization, .claims, .submissionTimestamp) >= 1
        {
            return .azureActivity
        }
        if markers.has(.riskEventType), markers.count(.detectedDateTime, .riskDetail, .correlationId) >= 1 {
            return .graphRisk
        }
        if markers.has(.operationName),
            markers.count(.resourceId, .category, .callerIpAddress, .correlationId, .tenantId, .properties) >= 1
        {
            return .azureDiagnostic
        }
        if markers.has(.time, .category, .resourceId) { return .azureDiagnostic }
        if markers.has(.createdDateTime, .userPrincipalName, .appId) { return .graphSignIn }
        if markers.has(.ActionType, .timestamp) { return .defender }
        return nil
    }

    private static func others(_ markers: Markers) -> CloudShape? {
        if markers.has(.auditID) || markers.has(.verb, .objectRef) || markers.has(.requestURI, .apiVersion)
            || markers.has(.verb, .requestURI)
        {
            return .kubernetes
        }
        if markers.count(.logName, .insertId, .resource, .timestamp) >= 3 { return .gcpEntry }
        if markers.has(.eventType), markers.count(.published, .outcome, .uuid, .displayMessage, .client) >= 2 {
            return .okta
        }
        if markers.has(.actor), markers.value(.id)?.isObject == true || markers.has(.kind, .ipAddress) {
            return .workspace
        }
        if markers.has(.action, .actor), markers.count(.created_at, .org, .repo, ._document_id) >= 1 { return .github }
        if markers.has(.schemaVersion, .partition, .severity, .service) { return .guardDuty }
        if markers.has(.bucketowner), markers.count(.requester, .requesturi) >= 1 { return .s3Access }
        if markers.has(.srcAddr, .dstAddr) { return .vpcFlow }
        if markers.has(.query_name, .vpc_id) { return .vpcDNS }
        return nil
    }

    /// A record that another product has labelled with its log type (`p_log_type`).
    private static func labelled(_ markers: Markers) -> CloudShape? {
        guard let label = markers.value(.p_log_type)?.string else { return nil }
        switch label.lowercased() {
        case "aws.cloudtrail": return .cloudTrail
        case "gcp.auditlog": return .gcpAudit
        case "azure.audit", "azure.monitoractivity": return .azureDiagnostic
        case "amazon.eks.audit": return .kubernetes
        case "okta.systemlog": return .okta
        case "github.audit": return .github
        case "gsuite.activityevent", "gsuite.reports": return .workspace
        case "aws.vpcflow": return .vpcFlow
        case "aws.vpcdns": return .vpcDNS
        case "aws.s3serveraccess": return .s3Access
        case "aws.guardduty": return .guardDuty
        default: return .other
        }
    }

    /// The value of the `provider` column.
    package var provider: StaticString {
        switch self {
        case .cloudTrail, .guardDuty, .s3Access, .vpcFlow, .vpcDNS: "aws"
        case .azureDiagnostic, .azureActivity, .graphAudit, .graphSignIn, .graphRisk, .sentinel: "azure"
        case .m365, .defender: "m365"
        case .gcpAudit, .gcpEntry, .workspace: "gcp"
        case .kubernetes: "kubernetes"
        case .okta: "okta"
        case .github: "github"
        case .other: "other"
        }
    }

    /// The value of the `shape` column: the raw value as a literal.
    package var label: StaticString {
        switch self {
        case .cloudTrail: "cloudtrail"
        case .guardDuty: "guardduty"
        case .s3Access: "s3_access"
        case .vpcFlow: "vpc_flow"
        case .vpcDNS: "vpc_dns"
        case .azureDiagnostic: "azure_diagnostic"
        case .azureActivity: "azure_activity"
        case .graphAudit: "graph_audit"
        case .graphSignIn: "graph_signin"
        case .graphRisk: "graph_risk"
        case .sentinel: "sentinel"
        case .defender: "defender"
        case .m365: "m365"
        case .gcpAudit: "gcp_audit"
        case .gcpEntry: "gcp_entry"
        case .workspace: "workspace"
        case .kubernetes: "kubernetes"
        case .okta: "okta"
        case .github: "github"
        case .other: "other"
        }
    }
}

/// A record out of its envelopes.
package struct OpenedRecord {
    package var shape: CloudShape
    package var object: JSONValue

    /// Envelopes within each other.
    private static let depthMax = 3

    /// Opens EventBridge's `detail`, `log`, `event` and `_source` of log shippers, and texts of JSON in `message`
    /// (CloudWatch) and `log`. nil where no record is found inside.
    package init?(_ value: JSONValue, depth: Int = 0) {
        guard value.isObject, depth <= OpenedRecord.depthMax else { return nil }
        let markers = Markers(value)
        let shape = CloudShape.of(markers)
        if let shape, shape != .other {
            self.shape = shape
            object = value
            return
        }
        for inner in markers.objects(.detail, .log, .event, ._source) {
            guard let opened = OpenedRecord(inner, depth: depth + 1) else { continue }
            self = opened
            return
        }
        for inner in [markers.value(.message), markers.value(.log)] {
            guard let inner, inner.kind == .string, let text = inner.string, text.utf8.first == 0x7B,
                let document = try? JSONDocument(Array(text.utf8), limits: CloudLimits.json),
                let opened = OpenedRecord(document.root, depth: depth + 1)
            else { continue }
            self = opened
            return
        }
        guard let shape else { return nil }
        self.shape = shape
        object = value
    }
}
