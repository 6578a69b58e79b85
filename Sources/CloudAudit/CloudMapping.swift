// SPDX-License-Identifier: Apache-2.0
//
// Where each shape keeps what cloud_audit asks for: a table, one entry a shape.
//
// Reads   nothing: facts from the providers' references, and from records seen in the field.
// Writes  `CloudMapping`.
// Leaves  CloudTrail, which is read for speed (Normaliser+CloudTrail.swift).

import JSON

/// Places of one fact, the first that is there counts: `properties.id|id`.
struct Places: Sendable, ExpressibleByStringLiteral {
    let alternatives: [[String]]

    init(stringLiteral text: String) {
        alternatives = text.split(separator: "|").map { $0.split(separator: ".").map(String.init) }
    }

    /// The first value that is there and says something.
    func value(in record: JSONValue) -> JSONValue? {
        for path in alternatives {
            guard let value = Places.walk(record, path[...]), !value.isNull else { continue }
            if value.kind == .string, value.contentRange.isEmpty { continue }
            return value
        }
        return nil
    }

    /// Goes down a path; a text that holds JSON, as Log Analytics has it, is opened.
    private static func walk(_ start: JSONValue, _ path: ArraySlice<String>) -> JSONValue? {
        var value = start
        for key in path {
            if value.kind == .string {
                guard let text = value.string, let first = text.utf8.first, first == 0x7B || first == 0x5B,
                    let inner = try? JSONDocument(Array(text.utf8), limits: CloudLimits.json)
                else { return nil }
                value = inner.root
            }
            guard let next = value.isArray ? Int(key).flatMap({ value[$0] }) : value.member(key, ignoringCase: true)
            else { return nil }
            value = next
        }
        return value
    }
}

struct CloudMapping: Sendable {
    var time: Places
    var arrival: Places = ""
    var identity: Places = ""
    var account: Places = ""
    var region: Places = ""
    var service: Places = ""
    var operation: Places = ""
    var category: Places = ""
    /// Success and failure in words or numbers.
    var result: Places = ""
    var errorCode: Places = ""
    var errorMessage: Places = ""
    var actorID: Places = ""
    var actorName: Places = ""
    var actorType: Places = ""
    var actorARN: Places = ""
    var actorAccount: Places = ""
    var credential: Places = ""
    var invokedBy: Places = ""
    var source: Places = ""
    var userAgent: Places = ""
    /// Lists of objects, or single values.
    var resources: Places = ""
    var requestID: Places = ""
    var correlation: Places = ""
    var related: Places = ""
    var mfa: Places = ""
    var readOnly: Places = ""

    static func of(_ shape: CloudShape) -> CloudMapping {
        switch shape {
        case .azureDiagnostic: azureDiagnostic
        case .azureActivity: azureActivity
        case .graphAudit: graphAudit
        case .graphSignIn, .graphRisk: graphSignIn
        case .sentinel: sentinel
        case .m365: m365
        case .defender: defender
        case .gcpAudit, .gcpEntry: gcp
        case .workspace: workspace
        case .kubernetes: kubernetes
        case .okta: okta
        case .github: github
        case .guardDuty: guardDuty
        case .s3Access: s3Access
        case .vpcFlow, .vpcDNS: vpc
        case .other, .cloudTrail: other
        }
    }
}

// MARK: Microsoft

extension CloudMapping {
    private static let azureDiagnostic = CloudMapping(
        time: "time|properties.activityDateTime|properties.createdDateTime|p_event_time",
        identity: "eventDataId|properties.eventDataId|properties.id|properties.requestId",
        account: "subscriptionId|tenantId|properties.tenantId|properties.resourceTenantId",
        region: "location|properties.location.countryOrRegion",
        service: "resourceProvider|properties.loggedByService|properties.resourceDisplayName",
        operation: "operationName.value|operationName|properties.operationName|properties.activityDisplayName",
        category: "category.value|category",
        result: """
            resultType|properties.result|properties.status.errorCode|resultSignature|statusCode|properties.statusCode
            """,
        errorCode: "properties.status.errorCode|properties.statusCode|resultType",
        errorMessage: """
            resultDescription|properties.status.failureReason|properties.resultReason|properties.statusMessage
            """,
        actorID: """
            identity.claims.oid|properties.userId|properties.initiatedBy.user.id|\
            properties.initiatedBy.app.servicePrincipalId|properties.servicePrincipalId|identity.claims.appid
            """,
        actorName: """
            properties.userPrincipalName|properties.initiatedBy.user.userPrincipalName|\
            properties.initiatedBy.app.displayName|identity.claims.upn|identity.claims.name|properties.caller|\
            properties.servicePrincipalName|properties.userDisplayName|identity
            """,
        actorType: "properties.userType|identity.claims.idtyp|identity.authorization.evidence.principalType",
        actorARN: "identity.authorization.evidence.principalId|properties.initiatedBy.user.id",
        actorAccount: "properties.homeTenantId|tenantId",
        credential: "properties.uniqueTokenIdentifier|properties.appId|identity.claims.appid",
        invokedBy: "properties.appDisplayName|properties.initiatedBy.app.displayName",
        source: "callerIpAddress|properties.ipAddress|properties.callerIpAddress|properties.initiatedBy.user.ipAddress",
        userAgent: "properties.userAgent",
        resources: "properties.targetResources|resourceId|properties.resourceId",
        requestID: "properties.requestId|properties.originalRequestId",
        correlation: "correlationId|properties.correlationId",
        mfa: "properties.authenticationRequirement")

    private static let azureActivity = CloudMapping(
        time: "eventTimestamp|time", arrival: "submissionTimestamp", identity: "eventDataId",
        account: "subscriptionId|tenantId", region: "location",
        service: "resourceProviderName.value|resourceProviderName",
        operation: "operationName.value|operationName", category: "category.value|category",
        result: "status.value|status|resultType", errorCode: "subStatus.value|status.value",
        errorMessage: "properties.statusMessage|description", actorID: "claims.oid|caller",
        actorName: "caller|claims.upn",
        actorType: "claims.idtyp|authorization.evidence.principalType", actorARN: "authorization.evidence.principalId",
        actorAccount: "tenantId", credential: "claims.appid", source: "httpRequest.clientIpAddress|claims.ipaddr",
        resources: "resourceId|authorization.scope", requestID: "operationId|httpRequest.clientRequestId",
        correlation: "correlationId")

    private static let graphAudit = CloudMapping(
        time: "activityDateTime", identity: "id", account: "tenantId", service: "loggedByService",
        operation: "activityDisplayName|operationType", category: "category", result: "result",
        errorMessage: "resultReason",
        actorID: "initiatedBy.user.id|initiatedBy.app.servicePrincipalId|initiatedBy.app.appId",
        actorName: "initiatedBy.user.userPrincipalName|initiatedBy.app.displayName|initiatedBy.user.displayName",
        credential: "initiatedBy.app.appId", invokedBy: "initiatedBy.app.displayName",
        source: "initiatedBy.user.ipAddress", userAgent: "userAgent", resources: "targetResources",
        correlation: "correlationId")

    private static let graphSignIn = CloudMapping(
        time: "createdDateTime|activityDateTime|detectedDateTime", identity: "id",
        account: "resourceTenantId|homeTenantId",
        region: "location.countryOrRegion", service: "resourceDisplayName|source",
        operation: "activity|riskEventType|signInEventTypes.0|appDisplayName",
        category: "riskType|signInIdentifierType",
        result: "status.errorCode", errorCode: "status.errorCode", errorMessage: "status.failureReason",
        actorID: "userId|servicePrincipalId", actorName: "userPrincipalName|servicePrincipalName|userDisplayName",
        actorType: "userType", actorAccount: "homeTenantId", credential: "appId", invokedBy: "appDisplayName",
        source: "ipAddress", userAgent: "userAgent", resources: "resourceId", requestID: "originalRequestId|requestId",
        correlation: "correlationId", mfa: "authenticationRequirement")

    private static let sentinel = CloudMapping(
        time: "TimeGenerated", arrival: "_TimeReceived", identity: "Id|OfficeId|SourceRecordId|EventDataId",
        account: "AADTenantId|TenantId|OfficeTenantId", region: "Location",
        service: "LoggedByService|Resource|OfficeWorkload|ResourceProviderValue|ResourceProvider",
        operation: "OperationName|Operation|OperationNameValue|ActivityDisplayName",
        category: "Category|RecordType|Type",
        result: "Result|ResultType|ResultStatus|ActivityStatusValue|ResultSignature", errorCode: "ResultType",
        errorMessage: "ResultDescription|ResultReason",
        actorID: "InitiatedBy.user.id|InitiatedBy.app.servicePrincipalId|UserKey",
        actorName: """
            InitiatedBy.user.userPrincipalName|InitiatedBy.app.displayName|UserPrincipalName|UserId|Caller|Identity
            """,
        actorType: "UserType", invokedBy: "InitiatedBy.app.displayName|AppDisplayName",
        source: "InitiatedBy.user.ipAddress|Client_IPAddress|ClientIP|IPAddress|CallerIpAddress",
        userAgent: "UserAgent|ClientInfoString", resources: "TargetResources|ResourceId|MailboxOwnerUPN",
        requestID: "OriginalRequestId", correlation: "CorrelationId", mfa: "AuthenticationRequirement")

    private static let m365 = CloudMapping(
        time: "CreationTime", identity: "Id", account: "OrganizationId", service: "Workload", operation: "Operation",
        category: "RecordType", result: "ResultStatus", errorCode: "ErrorNumber|LogonError", errorMessage: "LogonError",
        actorID: "UserKey", actorName: "UserId", actorType: "UserType", actorAccount: "ActorContextId|OrganizationId",
        credential: "ApplicationId|AppId|ClientAppId", source: "ClientIP|ClientIPAddress|ActorIpAddress",
        userAgent: "UserAgent|ClientInfoString", resources: "ObjectId|Target", requestID: "IntraSystemId",
        correlation: "InterSystemsId|CorrelationId")

    private static let defender = CloudMapping(
        time: "Timestamp", identity: "ReportId", account: "TenantId", service: "Application", operation: "ActionType",
        category: "ActivityType", actorID: "AccountObjectId|AccountSid", actorName: "AccountUpn|AccountName",
        source: "IPAddress|LocalIP", userAgent: "UserAgent", resources: "ObjectName|DeviceName")
}

// MARK: Google

extension CloudMapping {
    private static let gcp = CloudMapping(
        time: "timestamp|p_event_time", arrival: "receiveTimestamp", identity: "insertId",
        account: "resource.labels.project_id|resource.labels.organization_id",
        region: "resource.labels.location|resource.labels.region|resource.labels.zone",
        service: "protoPayload.serviceName|resource.labels.service",
        operation: "protoPayload.methodName|httpRequest.requestMethod", category: "logName",
        result: "protoPayload.status.code", errorCode: "protoPayload.status.code",
        errorMessage: "protoPayload.status.message",
        actorID: "protoPayload.authenticationInfo.principalSubject|protoPayload.authenticationInfo.principalEmail",
        actorName: "protoPayload.authenticationInfo.principalEmail|protoPayload.authenticationInfo.principalSubject",
        credential: "protoPayload.authenticationInfo.serviceAccountKeyName",
        invokedBy: "protoPayload.authenticationInfo.serviceAccountDelegationInfo.0.firstPartyPrincipal.principalEmail",
        source: "protoPayload.requestMetadata.callerIp|httpRequest.remoteIp",
        userAgent: "protoPayload.requestMetadata.callerSuppliedUserAgent|httpRequest.userAgent",
        resources: "protoPayload.resourceName|httpRequest.requestUrl", correlation: "operation.id")

    private static let workspace = CloudMapping(
        time: "id.time|p_event_time", identity: "id.uniqueQualifier", account: "id.customerId",
        service: "id.applicationName", operation: "name|events.0.name", category: "type|events.0.type",
        actorID: "actor.profileId", actorName: "actor.email", actorType: "actor.callerType", source: "ipAddress",
        userAgent: "parameters.user_agent", resources: "ownerDomain")
}

// MARK: others, kept in the same form

extension CloudMapping {
    private static let kubernetes = CloudMapping(
        time: "requestReceivedTimestamp|stageTimestamp|p_event_time", arrival: "stageTimestamp", identity: "auditID",
        service: "objectRef.apiGroup|apiVersion", operation: "verb", category: "objectRef.resource",
        result: "responseStatus.code", errorCode: "responseStatus.reason|responseStatus.code",
        errorMessage: "responseStatus.message", actorID: "user.uid|user.username", actorName: "user.username",
        source: "sourceIPs.0", userAgent: "userAgent", resources: "requestURI|objectRef.name", related: "stage")

    private static let okta = CloudMapping(
        time: "published|created_at|p_event_time", identity: "uuid", service: "debugContext.debugData.url|client.zone",
        operation: "eventType", category: "legacyEventType", result: "outcome.result", errorCode: "outcome.reason",
        errorMessage: "outcome.reason", actorID: "actor.id", actorName: "actor.alternateId", actorType: "actor.type",
        credential: "authenticationContext.externalSessionId", source: "client.ipAddress|request.ipChain.0.ip",
        userAgent: "client.userAgent.rawUserAgent", resources: "target", requestID: "debugContext.debugData.requestId",
        correlation: "transaction.id")

    private static let github = CloudMapping(
        time: "@timestamp|at_sign_timestamp|created_at|p_event_time", identity: "_document_id", account: "org|business",
        region: "actor_location.country_code", operation: "action", category: "operation_type", actorID: "actor_id",
        actorName: "actor", credential: "hashed_token", source: "actor_ip", userAgent: "user_agent",
        resources: "repo|team|user",
        requestID: "request_id")

    private static let guardDuty = CloudMapping(
        time: "updatedAt|createdAt", arrival: "createdAt", identity: "id", account: "accountId", region: "region",
        service: "service.serviceName", operation: "type", category: "resource.resourceType",
        actorID: "resource.accessKeyDetails.principalId", actorName: "resource.accessKeyDetails.userName",
        actorType: "resource.accessKeyDetails.userType", credential: "resource.accessKeyDetails.accessKeyId",
        source: "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4", resources: "arn")

    private static let s3Access = CloudMapping(
        time: "time|p_event_time", identity: "", account: "bucketowner", service: "hostheader", operation: "operation",
        category: "authenticationtype", errorCode: "errorcode", actorID: "requester", actorName: "requester",
        source: "remoteip", userAgent: "useragent", resources: "key|bucket", requestID: "requestid")

    private static let vpc = CloudMapping(
        time: "start|query_timestamp|p_event_time", account: "account|account_id", region: "region",
        service: "vpcId|vpc_id",
        operation: "action|query_name", category: "flowDirection|query_type", source: "srcAddr|srcaddr",
        resources: "dstAddr|query_name")

    private static let other = CloudMapping(
        time: "timestamp|time|@timestamp|eventTime|created_at|published|p_event_time", identity: "id|uuid|event_id",
        operation: "eventType|event_type|action|operation|name", actorName: "actor.email|user|username|actor_user_name",
        source: "ipAddress|ip_address|sourceIPAddress|client_ip", userAgent: "userAgent|user_agent")
}
