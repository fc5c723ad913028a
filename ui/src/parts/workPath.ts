/** Where a workload's page is: an instance or an event names it, and does not say whether it is a job or a service. */
import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import { queries } from "@/api/queries";
import { paths } from "@/paths";

export function useWorkPath(): (name: string) => string {
  const { data } = useQuery({ ...queries.services(), refetchInterval: false });
  return useCallback(
    (name) => (data?.some((service) => service.name === name) ? paths.service(name) : paths.job(name)),
    [data],
  );
}
