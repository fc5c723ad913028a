import { Compass } from "lucide-react";
import { Link } from "react-router";
import { useTranslation } from "@/i18n/useTranslation";
import { Empty, Page } from "@/parts/layout";
import { paths } from "@/paths";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Page title={t("notFound.title")} note={t("notFound.text")}>
      <Empty icon={<Compass aria-hidden />} title={<Link to={paths.overview()}>{t("notFound.back")}</Link>} />
    </Page>
  );
}
