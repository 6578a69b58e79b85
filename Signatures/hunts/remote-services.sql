-- finds: Services, scheduled tasks and WMI calls that one host made on another over DCE-RPC.
-- why: PsExec and its kin start a program on another host by making a service or a task there.
-- false positives: Software distribution, monitoring agents, administrators.
-- technique: T1021.002, T1543.003, T1053.005, T1047
-- severity: 1
-- title: {src} called {operation} on {dst}
-- identity: src, dst, operation
-- entities: host:{src}, host:{dst}

SELECT id_orig_h AS src, id_resp_h AS dst, endpoint, operation, count(*) AS calls, min(ts) AS first_ts,
    max(ts) AS last_ts
FROM dce_rpc
WHERE ts >= :since AND ts < :until AND operation IN (
    'CreateServiceA', 'CreateServiceW', 'CreateServiceWOW64A', 'CreateServiceWOW64W', 'CreateWowService',
    'ChangeServiceConfigA', 'ChangeServiceConfigW', 'StartServiceA', 'StartServiceW',
    'NetrJobAdd', 'SchRpcRegisterTask', 'SchRpcRun', 'ExecMethod', 'ExecMethodAsync', 'RpcAsyncAddPrinterDriver',
    'RpcAddPrinterDriverEx', 'EfsRpcOpenFileRaw')
GROUP BY id_orig_h, id_resp_h, endpoint, operation
ORDER BY calls DESC, src, dst, operation
LIMIT :limit
