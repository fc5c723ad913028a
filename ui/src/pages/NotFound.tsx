import { Compass } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { Empty } from "@/parts/layout";
import { useTitle } from "@/parts/useTitle";
import { paths } from "@/paths";

export function NotFound() {
  const { t } = useTranslation();
  useTitle(t("notFound.title"));
  return (
    <div className="page">
      <Empty
        icon={<Compass aria-hidden />}
        title={t("notFound.title")}
        action={<Link to={paths.overview()}>{t("notFound.back")}</Link>}
      >
        {t("notFound.text")}
      </Empty>
    </div>
  );
}
