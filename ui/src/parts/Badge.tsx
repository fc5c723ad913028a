import type { ReactNode } from "react";
import type { AttemptState, DeploymentState, InstanceState, JobState, ServiceState } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { ATTEMPT_TONE, DEPLOYMENT_TONE, INSTANCE_TONE, JOB_TONE, SERVICE_TONE, type Tone } from "@/tone/tone";

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return (
    <span className={`badge tone-${tone}`}>
      <span className="dot" aria-hidden />
      {children}
    </span>
  );
}

export function InstanceBadge({ state }: { readonly state: InstanceState }) {
  const { t } = useTranslation();
  return <Badge tone={INSTANCE_TONE[state]}>{t(`instanceState.${state}`)}</Badge>;
}

export function JobBadge({ state }: { readonly state: JobState }) {
  const { t } = useTranslation();
  return <Badge tone={JOB_TONE[state]}>{t(`jobState.${state}`)}</Badge>;
}

export function AttemptBadge({ state }: { readonly state: AttemptState }) {
  const { t } = useTranslation();
  return <Badge tone={ATTEMPT_TONE[state]}>{t(`attemptState.${state}`)}</Badge>;
}

export function DeploymentBadge({ state }: { readonly state: DeploymentState }) {
  const { t } = useTranslation();
  return <Badge tone={DEPLOYMENT_TONE[state]}>{t(`deploymentState.${state}`)}</Badge>;
}

export function ServiceBadge({ state }: { readonly state: ServiceState }) {
  const { t } = useTranslation();
  return <Badge tone={SERVICE_TONE[state]}>{t(`serviceState.${state}`)}</Badge>;
}
