/** Whether a permission is granted; asks without ever prompting. */
export function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/** Whether a permission is granted without a part of it being denied. */
export function isGrantedWhole(permission: Deno.PermissionDescriptor): boolean {
  const { state, partial } = Deno.permissions.querySync(permission);
  return state === "granted" && !partial;
}
